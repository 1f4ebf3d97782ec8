"""The slots of one epoch of training or of one evaluation."""

from __future__ import annotations

from typing import Final, final

from leyden.core.slots import Flags, Key, Slot
from leyden.core.stage import RunningStage
from leyden.errors import LogError

_BATCHWISE: Final = ("_step", "_batch_start", "_batch_end")  # endings of the hooks that run for each loader


@final
class Board:
    """Slots by hook and name, for each loader; a hook that runs once for all loaders has its own where it stands."""

    __slots__ = ("batches_over", "begun", "loader", "slots", "stage")

    def __init__(self, stage: RunningStage, loaders: int = 1) -> None:
        self.stage = stage
        self.loader = 0
        self.slots: list[dict[Key, Slot]] = [{} for _ in range(max(loaders, 1))]
        self.begun = False  # a batch has begun
        self.batches_over = False

    def all(self) -> list[Slot]:
        """Every slot, those of the loaders first."""
        return sorted((slot for slots in self.slots for slot in slots.values()), key=lambda slot: slot.loader is None)

    def new_slot(self, hook: str, name: str, flags: Flags) -> Slot:
        """A slot for a name that is new in this hook and, where several are evaluated, for this loader.

        Raises:
            LogError: it cannot be a name here.
        """
        if not isinstance(name, str):
            raise LogError(f"self.log({name!r}) in {hook}: a name is a str, not a {type(name).__name__}.")
        if flags.add_dataloader_idx and "/dataloader_idx_" in name:
            raise LogError(
                f"self.log({name!r}) in {hook}: the ending '/dataloader_idx_N' is added for you. Leave it out of the "
                "name, or pass add_dataloader_idx=False."
            )
        key = (hook, name)
        several = len(self.slots) > 1 and hook.endswith(_BATCHWISE)
        if several and not flags.add_dataloader_idx:
            other = next((loader for loader, slots in enumerate(self.slots) if key in slots), None)
            if other is not None:
                raise LogError(
                    f"self.log({name!r}, add_dataloader_idx=False) in {hook}: loaders {other} and {self.loader} would "
                    "write to the same name. Leave add_dataloader_idx out, or give each loader a name of its own."
                )
        slot = self.slots[self.loader][key] = Slot(name, flags, self.loader if several else None)
        return slot
