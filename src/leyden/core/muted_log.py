"""What modules and callbacks log into where nothing is logged."""

from __future__ import annotations

from typing import Any, final

from leyden.core.warnings import warn


@final
class MutedLog:
    """Stands in for ``Log`` in a barebones run: takes everything, keeps nothing, and says so once."""

    def __init__(self) -> None:
        self._said = False

    def log(self, name: str, value: Any, *args: Any, **kwargs: Any) -> None:
        self._say("log")

    def log_dict(self, dictionary: Any, *args: Any, **kwargs: Any) -> None:
        self._say("log_dict")

    def _say(self, method: str) -> None:
        if not self._said:
            self._said = True
            warn(f"self.{method}() does nothing, since Trainer(barebones=True) logs nothing.")
