"""Processes that ``multiprocessing`` starts anew serve Lightning's names too, and guard what they read.

What such a process is sent first, ahead of the program's own main module, is the preparation data of
``multiprocessing.spawn``; what is put into it here installs the alias when it arrives. A forked process has it anyway.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, TypeAlias, final

_Prepare: TypeAlias = Callable[..., "dict[str, Any]"]

SPAWN: Final = "multiprocessing.spawn"
_NAME: Final = "get_preparation_data"
_BEFORE: Final[list[tuple[_Prepare, _Prepare]]] = []  # what stands there while it is ours, and what stood there before


@final
class Alias:
    """Becomes a call of ``install()`` in the process that it is sent to."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        from leyden.compat.lightning import install

        return install, ()


def pass_on(spawn: ModuleType) -> None:
    """Let every process that is started from now on serve the alias."""
    before: _Prepare = getattr(spawn, _NAME)
    if _BEFORE and before is _BEFORE[-1][0]:
        return

    @functools.wraps(before)
    def get_preparation_data(*arguments: Any, **keywords: Any) -> dict[str, Any]:
        return {"leyden": Alias(), **before(*arguments, **keywords)}

    _BEFORE[:] = [(get_preparation_data, before)]
    setattr(spawn, _NAME, get_preparation_data)


def keep() -> None:
    """Undo ``pass_on``, unless somebody has replaced it since."""
    for ours, before in _BEFORE:
        if getattr(sys.modules.get(SPAWN), _NAME, None) is ours:
            setattr(sys.modules[SPAWN], _NAME, before)
    _BEFORE.clear()
