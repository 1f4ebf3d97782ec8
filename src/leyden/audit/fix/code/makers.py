"""The edits that mend one call, for each rule that has some; none where the call is written in another way."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from leyden.audit.code.program import Call, Value
from leyden.audit.code.training import secret_hyperparameters
from leyden.audit.fix.code.edits import Append, Begin, Drop, Edit, Rename, Replace

Maker: TypeAlias = Callable[[Call], Iterator[Edit]]
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}  # noqa: S104 - this is what is mended
_LISTENING: Final = ("host", "server_name", "dashboard_host", "bind", "listen_address", "ip")
_YAML: Final = {
    "load": "safe_load", "load_all": "safe_load_all", "unsafe_load": "safe_load", "full_load": "safe_load",
    "unsafe_load_all": "safe_load_all", "full_load_all": "safe_load_all",
}  # fmt: skip


def keyword(call: Call, name: str) -> Value | None:
    """An argument that is written under its name in the call itself."""
    return next((value for given, value in call.keywords() if given == name), None)


def written(call: Call, position: int, name: str) -> Value | None:
    """The same, or one at a position."""
    value = keyword(call, name)
    own = call.args is call.node.args and position < len(call.args)
    return value or (call.argument(position) if own else None)


def says(name: str, code: str) -> Maker:
    """The call gives this argument this value. What is not known before the program runs may be right as it is."""

    def edits(call: Call) -> Iterator[Edit]:
        value = keyword(call, name)
        if value is not None:
            if value.is_constant and ast.unparse(value.node) != code:
                yield Replace(value.node, code)
        elif call.argument(None, name) is None and call.args is call.node.args:
            yield Append(call.node, name, code)

    return edits


def without(*names: str) -> Maker:
    """The call no longer gives these arguments."""

    def edits(call: Call) -> Iterator[Edit]:
        for name in names:
            value = keyword(call, name)
            if value is not None:
                yield Drop(call.node, value.node)

    return edits


def torch_load(call: Call) -> Iterator[Edit]:
    """``weights_only=True``, and no other module that unpickles."""
    yield from without("pickle_module")(call)
    if keyword(call, "pickle_module") is not None or call.argument(2, "pickle_module") is None:
        yield from says("weights_only", "True")(call)


def checked_download(call: Call) -> Iterator[Edit]:
    yield from says("weights_only", "True")(call)
    yield from says("check_hash", "True")(call)


def safe_yaml(call: Call) -> Iterator[Edit]:
    """``yaml.load(x, Loader=…)`` as ``yaml.safe_load(x)``."""
    function = call.node.func
    if not isinstance(function, ast.Attribute) or function.attr not in _YAML:
        return
    yield Rename(function, _YAML[function.attr])
    loader = written(call, 1, "Loader")
    if loader is not None:
        yield Drop(call.node, loader.node)


def numbers_alone(call: Call) -> Iterator[Edit]:
    yield from without("allow_pickle")(call)


def this_machine(call: Call) -> Iterator[Edit]:
    for name in _LISTENING:
        value = keyword(call, name)
        if value is not None and isinstance(value.node, ast.Constant) and value.text() in _EVERYWHERE:
            yield Begin(value.node, value.text(), _EVERYWHERE[value.text()])


def by_https(call: Call) -> Iterator[Edit]:
    address = call.argument(0, "url", "fullurl")
    written_out = address is not None and isinstance(address.node, (ast.Constant, ast.JoinedStr))
    if address is not None and written_out and address.begins().startswith("http://"):
        yield Begin(address.node, "http://", "https://")


def for_owner(call: Call) -> Iterator[Edit]:
    """A mode without the right to write for others, written in octal as people do."""
    if call.path == "os.umask":  # which many programs set to nothing for a moment, to read it
        return
    mode = written(call, 1 if call.path.startswith("os.") else 0, "mode")
    if mode is not None and isinstance(mode.node, ast.Constant) and type(mode.node.value) is int:
        yield Replace(mode.node, f"0o{mode.node.value & ~0o022:o}")


def by_state(call: Call) -> Iterator[Edit]:
    module = call.argument(0, "obj")
    if module is not None and isinstance(module.node, (ast.Name, ast.Attribute)):
        yield Replace(module.node, f"{ast.unparse(module.node)}.state_dict()")


def data_filter(call: Call) -> Iterator[Edit]:
    if call.argument(None, "filter") is None and not call.is_open:
        yield Append(call.node, "filter", '"data"')


def rejects(call: Call) -> Iterator[Edit]:
    """Paramiko's own policy in the place of the one that takes any key."""
    policy = call.argument(0, "policy")
    node = None if policy is None else policy.node
    made = node.func if isinstance(node, ast.Call) else node
    if isinstance(made, ast.Attribute) and made.attr in ("AutoAddPolicy", "WarningPolicy"):
        yield Rename(made, "RejectPolicy")


def without_secrets(call: Call) -> Iterator[Edit]:
    """``save_hyperparameters`` that ignores what has the name of a secret, or does not name it."""
    secret = secret_hyperparameters(call)
    if not call.node.args and not call.node.keywords:
        yield Append(call.node, "ignore", f"[{', '.join(map(repr, secret))}]".replace("'", '"'))
    for argument in call.node.args:
        if call.resolver.constant(argument, call.scope) in secret:
            yield Drop(call.node, argument)
