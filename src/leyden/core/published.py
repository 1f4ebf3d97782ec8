"""The values that trainer, callbacks and the progress bar see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, final

from torch import Tensor

from leyden.core.log_state import load_values
from leyden.core.slots import Slot


@final
class Published:
    """Every value by name, as last seen; a name stays until ``clear``, though its epoch be over."""

    __slots__ = ("callback", "logged", "progress_bar")

    def __init__(self) -> None:
        self.callback: dict[str, Tensor] = {}
        self.logged: dict[str, Tensor] = {}
        self.progress_bar: dict[str, Tensor] = {}

    def step(self, slots: Iterable[Slot], callback: bool) -> None:
        """Publish step values, to callbacks only if asked."""
        for slot in slots:
            value = slot.of_step()
            if value is not None:
                self._put(slot, slot.step_name, value, callback)

    def epoch(self, slots: Iterable[Slot]) -> None:
        """Publish the values of the epoch."""
        for slot in slots:
            value = slot.of_epoch()
            if value is not None:
                self._put(slot, slot.epoch_name, value, True)

    def _put(self, slot: Slot, name: str, value: Tensor, callback: bool) -> None:
        if callback:
            self.callback[slot.bare_name] = value
            self.callback[name] = value
        if slot.flags.logger:
            self.logged[name] = value
        if slot.flags.prog_bar:
            self.progress_bar[name] = value

    def clear(self) -> None:
        self.callback.clear()
        self.logged.clear()
        self.progress_bar.clear()

    def state_dict(self) -> dict[str, Any]:
        return {name: dict(getattr(self, name)) for name in self.__slots__}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the place of what is published; a malformed value is a FormatError and changes nothing."""
        loaded = {name: load_values(state[name], name) for name in self.__slots__}
        self.clear()
        for name, values in loaded.items():
            getattr(self, name).update(values)
