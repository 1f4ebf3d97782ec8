"""Classes and functions by name: what a file may mean by one. Looking for it runs nothing of what is looked at."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

from leyden.checkpoint import forbidden

Code: TypeAlias = "type[Any] | Callable[..., Any]"
Fail: TypeAlias = Callable[[str], NoReturn]
_C = TypeVar("_C", bound=Code)

# Given in the program's own code, under the name by which files know them.
_REGISTERED: Final[dict[str, Code]] = {}

# Where pickles look up functions of torch's that files know by another place.
_TORCH_SOURCES: Final[Mapping[str, str]] = {
    "torch._C:_VariableFunctionsClass": "torch",
    "torch._C:_VariableFunctions": "torch",
    "torch._C._nn": "torch.nn.functional",
}
# Read past whatever a metaclass or the class of a module may say: one that loads its module at the first question, too.
_module_of: Final = vars(type)["__module__"].__get__
_qualname_of: Final = vars(type)["__qualname__"].__get__
_members_of: Final = vars(type)["__dict__"].__get__
_content_of: Final = vars(ModuleType)["__dict__"].__get__


def register_object(code: _C) -> _C:
    """Let checkpoints hold a class and its objects, or a function, that is not found under its own name.

    Also a decorator. Needed before saving and before loading: for classes made inside functions, above all.
    """
    _REGISTERED[_own_name(code)] = code
    return code


def reference(code: Code, fail: Fail) -> str:
    """How a file names a class or a function; fails where the name would not lead back to it."""
    name = _own_name(code)
    if why := _forbidden(name, code):
        fail(f"is {name}, {why}")
    if _find(name) is not code:
        fail(
            f"is {name}, which cannot be found under this name. Define it at the top level of its module, or call "
            "leyden.checkpoint.references.register_object with it where the program saves and loads"
        )
    return name


def place_of_torch(name: tuple[str, str]) -> str | None:
    """How files call a function of torch's that pickles know by where it is kept: module and qualified name."""
    module, qualname = name
    owner, _, function = qualname.rpartition(".")
    place = _TORCH_SOURCES.get(f"{module}:{owner}" if owner else module)
    return f"{place}:{function}" if place is not None and function in forbidden.OF_TORCH else None


def holds_functions_of_torch(name: tuple[str, str]) -> bool:
    """Whether this is where pickles look up functions of torch's that files know by another name."""
    return ":".join(name) in _TORCH_SOURCES


def findable(code: Code) -> bool:
    """Whether ``reference`` has a name for this."""
    name = _own_name(code)
    return _forbidden(name, code) is None and _find(name) is code


def resolve(name: str, fail: Fail) -> Code:
    """The class or function that a file names, if the program has it already; nothing is imported or run."""
    shown = repr(name[:200])
    if why := forbidden.by_name(name):
        fail(f"names {shown}, {why}")
    code = _find(name)
    if code is None:
        fail(
            f"names {shown}, which this program has not imported, or does not have. Import its module first: nothing "
            "is imported because a file names it"
        )
    if why := _forbidden(name, code):
        fail(f"names {shown}, {why}")
    return code


def _own_name(code: Code) -> str:
    if issubclass(type(code), type):
        assert isinstance(code, type)
        return ":".join(name_of_class(code))
    name = code.__name__
    if type(code) is BuiltinFunctionType and name in forbidden.OF_TORCH:
        for place in forbidden.TORCH_PLACES:
            if _attribute(place, name) is code:
                return f"{place}:{name}"
    return f"{code.__module__}:{code.__qualname__}"


def _find(name: str) -> Code | None:
    """What the name means, where that says the same of itself: an alias such as ``program.system`` means nothing."""
    registered = _REGISTERED.get(name)
    if registered is not None:
        return registered
    module, _, qualname = name.partition(":")
    first, *rest = qualname.split(".")
    found = _attribute(module, first)
    for part in rest:  # classes inside classes, and nothing else that has attributes
        found = members_of(found).get(part) if issubclass(type(found), type) else None
    # and not isinstance, which would ask the object
    if issubclass(type(found), type) or (type(found) in (FunctionType, BuiltinFunctionType) and not rest):
        code: Code = found  # type: ignore[assignment]
        return code if _own_name(code) == name else None
    return None


def _attribute(module: str, name: str) -> object:
    found = sys.modules.get(module)
    return (_content_of(found) or {}).get(name) if issubclass(type(found), ModuleType) else None


def name_of_class(kind: type) -> tuple[str, str]:
    """Module and qualified name of a class, past its metaclass."""
    return str(_module_of(kind)), str(_qualname_of(kind))


def members_of(kind: object) -> Mapping[str, Any]:
    """What the body of a class defines, past its metaclass."""
    members: Mapping[str, Any] = _members_of(kind)
    return members


def _forbidden(name: str, code: Code) -> str | None:
    """Why a class or a function is not restored, whoever signed the file."""
    return forbidden.by_name(name) or (None if name in _REGISTERED else forbidden.by_code(name, code))
