"""Calls that only the first process of a job makes."""

from __future__ import annotations

import functools
import logging
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec, TypeVar, final, overload

from leyden.core.warnings import LeydenDeprecationWarning
from leyden.errors import SettingsError
from leyden.redaction import redact_text

_P = ParamSpec("_P")
_T = TypeVar("_T")
_D = TypeVar("_D")

_RANK_VARIABLES: Final = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")
_log = logging.getLogger("leyden")


def rank_from_environment() -> int:
    """The rank that the launcher of this process wrote down; 0 where there was none."""
    for name in _RANK_VARIABLES:
        text = os.environ.get(name)
        if text:
            if not (text.isascii() and text.isdigit()):
                raise SettingsError(f"The environment has {name}={text!r}; it must be this process's rank, 0 or more.")
            return int(text)
    return 0


@final
class RankZeroOnly:
    """Decorator: the function runs on rank 0 alone; on other ranks the call returns ``default``."""

    def __init__(self) -> None:
        self._rank: int | None = None

    @property
    def rank(self) -> int:
        """This process's rank: what was set, else what the launcher says. Delete it to go back to the launcher's."""
        return rank_from_environment() if self._rank is None else self._rank

    @rank.setter
    def rank(self, rank: int) -> None:
        self._rank = rank

    @rank.deleter
    def rank(self) -> None:
        self._rank = None

    @overload
    def __call__(self, fn: Callable[_P, _T]) -> Callable[_P, _T | None]: ...
    @overload
    def __call__(self, fn: Callable[_P, _T], default: _D) -> Callable[_P, _T | _D]: ...
    def __call__(self, fn: Callable[_P, _T], default: Any = None) -> Callable[_P, Any]:
        @functools.wraps(fn)
        def on_rank_zero(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            return fn(*args, **kwargs) if self.rank == 0 else default

        return on_rank_zero


rank_zero_only: Final = RankZeroOnly()


def rank_zero_warn(
    message: str | Warning, stacklevel: int = 4, category: type[Warning] = UserWarning, **kwargs: Any
) -> None:
    """Warn on rank 0. At ``stacklevel`` 4 the warning shows the line of this call, at 5 its caller's, and so on."""
    if rank_zero_only.rank == 0:
        message = redact_text(message) if isinstance(message, str) else message
        warnings.warn(message, category, stacklevel=max(stacklevel - 2, 1), **kwargs)


def rank_zero_info(*args: Any, stacklevel: int = 4, **kwargs: Any) -> None:
    """Log to the logger ``leyden`` at level INFO on rank 0; the arguments are those of ``logging.Logger.info``."""
    if rank_zero_only.rank == 0:
        _log.info(*_outgoing(args), stacklevel=max(stacklevel - 2, 1), **kwargs)


def rank_zero_debug(*args: Any, stacklevel: int = 4, **kwargs: Any) -> None:
    """Log to the logger ``leyden`` at level DEBUG on rank 0; the arguments are those of ``logging.Logger.debug``."""
    if rank_zero_only.rank == 0:
        _log.debug(*_outgoing(args), stacklevel=max(stacklevel - 2, 1), **kwargs)


def _outgoing(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """A message without secrets; its arguments are put in before, since one alone need not show what it is."""
    if not args:
        return args
    message, *values = args
    named = values[0] if len(values) == 1 and isinstance(values[0], Mapping) else tuple(values)
    return ("%s", redact_text(str(message) % named if named else str(message)))


def rank_zero_deprecation(message: str | Warning, stacklevel: int = 5, **kwargs: Any) -> None:
    """Warn on rank 0 of what a later version will not have; at ``stacklevel`` 5 the caller's line is shown."""
    rank_zero_warn(message, stacklevel, LeydenDeprecationWarning, **kwargs)


def rank_prefixed_message(message: str, rank: int | None) -> str:
    """The message with the rank that it comes from, unless that is None."""
    return message if rank is None else f"[rank: {rank}] {message}"


@final
class WarningCache(set[str]):
    """Says each message once, on rank 0."""

    def warn(self, message: str, stacklevel: int = 5, **kwargs: Any) -> None:
        if self._first(message):
            rank_zero_warn(message, stacklevel, **kwargs)

    def deprecation(self, message: str, stacklevel: int = 6, **kwargs: Any) -> None:
        if self._first(message):
            rank_zero_deprecation(message, stacklevel, **kwargs)

    def info(self, message: str, stacklevel: int = 5, **kwargs: Any) -> None:
        if self._first(message):
            rank_zero_info(message, stacklevel=stacklevel, **kwargs)

    def _first(self, message: str) -> bool:
        first = message not in self
        self.add(message)
        return first
