"""Puts Leyden's functions in the place of those of torch that read and write files, and back. Imports no torch itself.

``torch.load`` and ``torch.serialization.get_unsafe_globals_in_checkpoint`` are ``torch_load``'s, ``torch.save`` is
``torch_save``'s. Behind them, the two private functions that unpickle answer to nobody but ``unsafe_plain_load``, and
so not to a ``torch.load`` either that somebody took before it was replaced.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final, TypeAlias

from leyden.core.warnings import warn
from leyden.errors import UsageError

_Function: TypeAlias = Callable[..., Any]

SERIALIZATION: Final = "torch.serialization"
# Modules that have taken a function of torch.serialization by its name, if they are imported already.
_TAKEN: Final[Mapping[str, tuple[str, ...]]] = {
    "torch": ("load", "save"),
    "torch.distributed._serialization": ("_load",),
}
# Our function under each name while it is there, and torch's own.
_REPLACED: Final[dict[str, tuple[_Function, _Function]]] = {}
# What stood in the place of torch's own, by module and name.
_DISPLACED: Final[dict[tuple[str, str], Any]] = {}
_PASSAGE: Final = threading.local()


def guard(serialization: ModuleType) -> None:
    """Replace what reads and writes files in ``torch.serialization``, and where it was taken from there already."""
    for name, substitute in _SUBSTITUTES.items():
        original = getattr(serialization, name)
        earlier = _REPLACED[name][0] if name in _REPLACED else original
        if earlier is original and name in _REPLACED:
            continue
        ours = substitute(original)
        _REPLACED[name] = ours, original
        setattr(serialization, name, ours)
        for module in _takers(name):
            taken = getattr(module, name)
            if taken not in (original, earlier):
                _DISPLACED[module.__name__, name] = taken
                warn(
                    f"{module.__name__}.{name} was replaced by one of {getattr(taken, '__module__', 'its own')} before "
                    "Leyden served Lightning's names, and is replaced by Leyden's now. If need be, replace it after "
                    "leyden.compat.lightning.install()."
                )
            setattr(module, name, ours)


def unguard() -> None:
    """Put back what ``guard`` replaced, unless somebody has replaced it since."""
    for name, (ours, original) in _REPLACED.items():
        for module in (sys.modules[SERIALIZATION], *_takers(name)):
            if getattr(module, name) is ours:
                setattr(module, name, _DISPLACED.get((module.__name__, name), original))
    _REPLACED.clear()
    _DISPLACED.clear()


def unsafe_plain_load(*arguments: Any, **keywords: Any) -> Any:
    """torch's own ``load``, which unpickles what it is given: for content whose origin is known, and copied already."""
    _PASSAGE.open = True
    try:
        return _own("load")(*arguments, **keywords)
    finally:
        _PASSAGE.open = False


def plain_save(*arguments: Any, **keywords: Any) -> Any:
    """torch's own ``save``."""
    return _own("save")(*arguments, **keywords)


def _own(name: str) -> _Function:
    own: _Function = _REPLACED[name][1] if name in _REPLACED else getattr(sys.modules[SERIALIZATION], name)
    return own


def _takers(name: str) -> list[ModuleType]:
    """The modules that have this name from torch.serialization: not yet all that will, if torch is being imported."""
    found = [sys.modules.get(module) for module, names in _TAKEN.items() if name in names]
    return [module for module in found if module is not None and hasattr(module, name)]


def _load(original: _Function) -> _Function:
    @functools.wraps(original)
    def load(*arguments: Any, **keywords: Any) -> Any:
        from leyden.compat import torch_load

        return torch_load.load(*arguments, **keywords)

    return load


def _save(original: _Function) -> _Function:
    @functools.wraps(original)
    def save(*arguments: Any, **keywords: Any) -> Any:
        from leyden.compat import torch_save

        return torch_save.save(*arguments, **keywords)

    return save


def _unsafe_globals(original: _Function) -> _Function:
    @functools.wraps(original)
    def get_unsafe_globals_in_checkpoint(*arguments: Any, **keywords: Any) -> Any:
        from leyden.compat import torch_load

        return torch_load.unsafe_globals(*arguments, **keywords)

    return get_unsafe_globals_in_checkpoint


def _door(original: _Function) -> _Function:
    @functools.wraps(original)
    def closed(*arguments: Any, **keywords: Any) -> Any:
        # For one call: what the pickle calls may ask torch for other files.
        opened, _PASSAGE.open = getattr(_PASSAGE, "open", False), False
        if not opened:
            raise UsageError(
                f"torch.serialization.{original.__name__} unpickles, so it is closed while Leyden serves Lightning's "
                "names. If this is a torch.load that was taken before leyden.compat.lightning.install(), call "
                "install() before that; else call torch.load, which reads what is safe."
            )
        return original(*arguments, **keywords)

    return closed


_SUBSTITUTES: Final[Mapping[str, Callable[[_Function], _Function]]] = {
    "load": _load,
    "save": _save,
    "get_unsafe_globals_in_checkpoint": _unsafe_globals,
    "_load": _door,
    "_legacy_load": _door,
}
