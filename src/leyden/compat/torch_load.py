"""torch.load, for programs that read checkpoints with it: a file of Leyden's answers with Lightning's dictionary."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import torch

from leyden.checkpoint.load import load
from leyden.checkpoint.objects import HYPERPARAMETERS
from leyden.wire.envelope import PREFIX

_LENGTH = 8  # bytes of the header's length, which begins a file
_plain: Callable[..., Any] = torch.load


@functools.wraps(_plain)
def load_either(f: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Read a file of Leyden's as data, whatever the further arguments; any other file as torch does."""
    if _is_native(f):
        # Read into memory: a program may write to the file that it has read.
        return load(f, map_location=map_location, mapped=False, describe=HYPERPARAMETERS)
    return _plain(f, map_location, *args, **kwargs)


def guard() -> None:
    """Put ``load_either`` in the place of ``torch.load``, once."""
    global _plain
    if torch.load is not load_either:
        _plain = torch.load
        torch.load = load_either


def unguard() -> None:
    """Put back what ``guard`` replaced, unless somebody has replaced it since."""
    if torch.load is load_either:
        torch.load = _plain


def _is_native(file: Any) -> bool:
    if isinstance(file, (str, os.PathLike)):
        if not os.path.isfile(file):  # noqa: PTH113 - torch may accept what a Path does not
            return False
        with open(file, "rb") as stream:  # noqa: PTH123
            return _begins_native(stream.read(_LENGTH + len(PREFIX)))
    if not all(callable(getattr(file, name, None)) for name in ("read", "seek", "tell")):
        return False
    position = file.tell()
    start = file.read(_LENGTH + len(PREFIX))
    file.seek(position)
    return isinstance(start, bytes) and _begins_native(start)


def _begins_native(start: bytes) -> bool:
    return start[_LENGTH:] == PREFIX
