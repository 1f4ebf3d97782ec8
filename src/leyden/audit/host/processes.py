"""Processes of this user, and what kind of server each is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from leyden.audit.finding import Severity
from leyden.audit.opening import head

_MOST: Final = 1 << 16  # bytes of a command line
_PYTHON: Final = re.compile(r"python[0-9.]*|pypy[0-9.]*")
_SOCKET: Final = re.compile(r"socket:\[([0-9]+)\]")


@final
@dataclass(frozen=True)
class Process:
    number: int
    arguments: tuple[str, ...]

    @property
    def shown(self) -> str:
        """What runs, without its options, which may hold secrets."""
        name = os.path.basename(self.arguments[0])  # noqa: PTH119
        rest = self.arguments[1:]
        if not _PYTHON.fullmatch(name):
            return name
        for at, word in enumerate(rest):
            if word == "-m" and at + 1 < len(rest):
                return f"{name} -m {rest[at + 1]}"
            if word == "-c":
                return f"{name} -c …"
            if not word.startswith("-"):
                return f"{name} {word}"
        return name


@final
@dataclass(frozen=True)
class Kind:
    """A kind of server, known by a word of its command, and what it means that others reach it."""

    name: str
    words: tuple[str, ...]
    severity: Severity
    meaning: str


KINDS: Final = (
    Kind("Ray", ("ray", "raylet", "gcs_server"), Severity.HIGH, "Ray runs the code of whoever reaches it."),
    Kind("a debugger", ("debugpy", "pydevd"), Severity.HIGH, "A debugger runs the code of whoever reaches it."),
    Kind(
        "Jupyter",
        (
            "jupyter",
            "jupyter-lab",
            "jupyter-notebook",
            "jupyter-server",
            "jupyterlab",
            "notebook",
            "ipykernel_launcher",
        ),
        Severity.LOW,
        "Whoever knows its token runs code here, and without https the token can be read on the way.",
    ),
    Kind("MLflow", ("mlflow",), Severity.MEDIUM, "It asks for no login by default, and its models are unpickled."),
    Kind("TensorBoard", ("tensorboard",), Severity.MEDIUM, "It asks for no login and shows what the runs have logged."),
    Kind(
        "a launcher of torch",
        ("torchrun", "torch.distributed.run", "torch.distributed.launch", "torch.distributed.elastic"),
        Severity.MEDIUM,
        "Whoever reaches the store of a job can join it and change what its processes agree on.",
    ),
    Kind(
        "Python",
        (),
        Severity.LOW,
        "In a training process this is most often the store or the backend of torch.distributed, which know no login.",
    ),
)
_NO_LOGIN: Final = re.compile(r"--(?:ServerApp|NotebookApp|IdentityProvider)\.(?:token|password)=(?:''|\"\")?")


def own(proc: str, user: int) -> Iterator[Process]:
    """The processes of ``user``."""
    for name in sorted(os.listdir(proc)):  # noqa: PTH208
        folder = os.path.join(proc, name)  # noqa: PTH118
        if not name.isdecimal():
            continue
        try:
            if os.stat(folder).st_uid != user:  # noqa: PTH116
                continue
            content = head(os.path.join(folder, "cmdline"), _MOST)  # noqa: PTH118
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        arguments = tuple(content.decode("utf-8", "replace").rstrip("\0").split("\0"))
        if arguments[0]:  # threads of the kernel have none
            yield Process(int(name), arguments)


def sockets(proc: str, process: Process) -> Iterator[str]:
    """The inodes of its sockets; PermissionError where the system does not tell."""
    folder = os.path.join(proc, str(process.number), "fd")  # noqa: PTH118
    try:
        names = os.listdir(folder)  # noqa: PTH208
    except (FileNotFoundError, ProcessLookupError):
        return
    for name in names:
        try:
            target = os.readlink(os.path.join(folder, name))  # noqa: PTH115, PTH118
        except (FileNotFoundError, ProcessLookupError):
            continue
        if (found := _SOCKET.fullmatch(target)) is not None:
            yield found[1]


def kind_of(process: Process) -> Kind | None:
    """What it is; None for a program that has nothing to do with training."""
    words = _words(process.arguments)
    for kind in KINDS:
        if not words.isdisjoint(kind.words):
            return kind
    return KINDS[-1] if _is_python(process) else None


def without_login(process: Process) -> bool:
    """Whether a Jupyter server was told to ask nobody for a token."""
    return any(_NO_LOGIN.fullmatch(word) for word in process.arguments)


def _words(arguments: Sequence[str]) -> set[str]:
    """Names of programs and modules: the program, and what Python was told to run."""
    name = os.path.basename(arguments[0])  # noqa: PTH119
    found = {name}
    for at, word in enumerate(arguments[1:4], 1):
        if word == "-m" and at + 1 < len(arguments):
            module = arguments[at + 1]
            found |= {module, module.partition(".")[0]} if not module.startswith("torch") else {module}
            break
        if not word.startswith("-"):
            found.add(os.path.basename(word))  # noqa: PTH119
            break
    return found


def _is_python(process: Process) -> bool:
    return _PYTHON.fullmatch(os.path.basename(process.arguments[0])) is not None  # noqa: PTH119
