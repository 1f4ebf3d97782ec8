"""Checks of compose files, Kubernetes manifests and the like: what a container may do to its machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from typing import Final

from leyden.audit.config import images
from leyden.audit.config.hits import Hit
from leyden.audit.config.kinds import Kind
from leyden.audit.config.nodes import Mapping, Scalar, Sequence, target, texts
from leyden.audit.config.pairs import Check, Pair
from leyden.audit.finding import Severity
from leyden.audit.rules import config_containers as rules
from leyden.audit.rules.config_commands import NO_LOGIN

_MIGHTY: Final = frozenset(("ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "DAC_READ_SEARCH", "BPF"))
_SOCKET: Final = re.compile(r".*/(?:docker|containerd|podman|crio)\.sock")
_WHOLE: Final = re.compile(
    r"/|/(?:etc|root|boot|home|proc|sys|dev|var|var/lib|var/run|run|usr|var/lib/(?:docker|kubelet))/?"
)
_KEYS: Final = re.compile(
    r"(?:~|\$HOME|\$\{HOME\}|/root|/home/[^/]{1,60})(?:/\.(?:ssh|aws|kube|docker|gnupg|netrc|config/gcloud))?/?"
)
# TensorBoard, Jupyter, Ray with its dashboard, Gradio, Streamlit, Aim, Visdom.
_DASHBOARDS: Final = frozenset(("6006", "8888", "8889", "8265", "10001", "7860", "8501", "43800", "8097"))
_MLFLOW: Final = "5000"  # which many others use as well
_JUPYTER: Final = (("ServerApp",), ("NotebookApp",), ("IdentityProvider",))
_PORT: Final = re.compile(r"(?:0\.0\.0\.0:)?(?:(?P<host>\d{1,5}):)(?P<inner>\d{1,5})(?:/tcp)?")


def privileged(pair: Pair) -> Iterator[Hit]:
    if pair.is_true:
        yield pair.hit(rules.PRIVILEGED, "The container has all rights of the machine's administrator.", pair.key)


def capabilities(pair: Pair) -> Iterator[Hit]:
    """``cap_add`` of compose, ``capabilities: {add: …}`` of Kubernetes."""
    for item in texts(pair.value):
        yield from capability(item.text, item.line)


def capability(name: str, line: int) -> Iterator[Hit]:
    name = name.upper().removeprefix("CAP_")
    if name in _MIGHTY:
        worse = None if name in ("ALL", "SYS_ADMIN", "SYS_MODULE") else Severity.MEDIUM
        yield Hit(rules.PRIVILEGED, f"`{name}` lets the container out of its confinement.", line, severity=worse)


def added(pair: Pair) -> Iterator[Hit]:
    if pair.path[-1:] == ("capabilities",):
        yield from capabilities(pair)


def security_options(pair: Pair) -> Iterator[Hit]:
    for item in texts(pair.value):
        if re.fullmatch(r"(?:seccomp|apparmor)[:=]unconfined", item.text):
            text = "The container may make every system call."
            yield Hit(rules.PRIVILEGED, text, item.line, item.column, severity=Severity.MEDIUM)


_SHARED: Final[AnyMapping[str, tuple[str, Severity | None]]] = {
    "hostPID": ("processes", None),
    "pid": ("processes", None),
    "hostIPC": ("shared memory", None),
    # What everybody writes to have enough shared memory.
    "ipc": ("shared memory", Severity.INFO),
    "hostNetwork": ("network", Severity.LOW),
    "network_mode": ("network", Severity.LOW),
    "network": ("network", Severity.LOW),
}


def namespaces(pair: Pair) -> Iterator[Hit]:
    """``hostPID: true`` of Kubernetes, ``pid: host`` of compose."""
    name = pair.key.text
    on = pair.is_true if name.startswith("host") else pair.text == "host"
    if on and (name.startswith("host") or pair.kind is Kind.COMPOSE):
        yield from shares(name, pair.value.line)


def shares(name: str, line: int) -> Iterator[Hit]:
    what, severity = _SHARED[name]
    yield Hit(rules.NAMESPACES, f"The container has the machine's own {what}.", line, severity=severity)


def mounts(pair: Pair) -> Iterator[Hit]:
    """``volumes`` of compose, in the short form and the long one."""
    if not isinstance(pair.value, Sequence):
        return
    for item in pair.value.items:
        node = target(item)
        if isinstance(node, Scalar):
            yield from mounted(node.text.partition(":")[0], node.line, node.text.endswith(":ro"))
        elif isinstance(node, Mapping) and node.text("source"):
            yield from mounted(node.text("source"), node.line, node.text("read_only") == "true")


def host_path(pair: Pair) -> Iterator[Hit]:
    """``hostPath: {path: …}`` of Kubernetes."""
    if isinstance(pair.value, Mapping) and pair.value.text("path"):
        yield from mounted(pair.value.text("path"), pair.value.line, False)


def mounted(path: str, line: int, reading: bool) -> Iterator[Hit]:
    if _SOCKET.fullmatch(path):
        yield Hit(rules.SOCKET, f"`{path[:100]}` commands the engine.", line)
    elif _WHOLE.fullmatch(path) or _KEYS.fullmatch(path):
        severity = Severity.MEDIUM if reading or path.startswith(("~", "$", "/home/")) else None
        yield Hit(rules.HOST_PATH, f"The container gets `{path[:100]}` of the machine.", line, severity=severity)


def user(pair: Pair) -> Iterator[Hit]:
    """``user`` of compose, ``runAsUser`` of Kubernetes."""
    if pair.key.text == "user" and pair.kind is not Kind.COMPOSE:
        return
    if pair.text.partition(":")[0] in ("0", "root"):
        yield pair.hit(rules.AS_ROOT, f"`{pair.key.text}: {pair.text[:40]}` is root.")


def ports(pair: Pair) -> Iterator[Hit]:
    if pair.kind is not Kind.COMPOSE:
        return
    told = [pair.owner.text("image"), *(item.text for item in texts(pair.owner.get("command")))]
    for item in pair.value.items if isinstance(pair.value, Sequence) else ():
        node = target(item)
        if isinstance(node, Scalar):
            yield from published(node.text, node.line, " ".join(told))
        elif isinstance(node, Mapping) and node.text("host_ip") in ("", "0.0.0.0"):  # noqa: S104 - what is looked for
            yield from published(f"{node.text('published')}:{node.text('target')}", node.line, " ".join(told))


def published(text: str, line: int, told: str) -> Iterator[Hit]:
    """One port; ``told`` is what else is known of the container."""
    found = _PORT.fullmatch(text)
    if found is not None and (found["inner"] in _DASHBOARDS or (found["inner"] == _MLFLOW and "mlflow" in told)):
        yield Hit(rules.PORTS, f"`{text[:60]}` opens the port on all interfaces.", line)


def role(pair: Pair) -> Iterator[Hit]:
    """``roleRef`` of a binding."""
    if pair.kind is Kind.KUBERNETES and isinstance(pair.value, Mapping) and pair.value.text("name") == "cluster-admin":
        yield pair.hit(rules.RULES_CLUSTER, "`cluster-admin` is every right that there is.")


def empty_token(pair: Pair) -> Iterator[Hit]:
    """Of Jupyter's own settings."""
    if isinstance(pair.value, Scalar) and not pair.text and pair.path[-1:] in _JUPYTER and pair.value.plain is False:
        yield pair.hit(NO_LOGIN, "With an empty token the notebook lets in everybody.")


KEYS: Final[AnyMapping[str, Check]] = {
    "privileged": privileged,
    "cap_add": capabilities,
    "capAdd": capabilities,
    "add": added,
    "security_opt": security_options,
    **dict.fromkeys(("hostPID", "hostIPC", "hostNetwork", "pid", "ipc", "network_mode"), namespaces),
    "volumes": mounts,
    "hostPath": host_path,
    "user": user,
    "runAsUser": user,
    "ports": ports,
    "image": images.image_of,
    "container": images.image_of,
    "tag": images.tag_of,
    "roleRef": role,
    "token": empty_token,
}
