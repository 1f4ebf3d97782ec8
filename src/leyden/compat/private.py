"""Undocumented helpers of Lightning's that published programs call. Each does the least that they need."""

from __future__ import annotations

from collections import Counter
from collections.abc import MutableSequence
from typing import TYPE_CHECKING, Any

from leyden.api import restore
from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.core.described import described
from leyden.errors import SettingsError
from leyden.runtime.rank_zero import rank_zero_info

if TYPE_CHECKING:
    from leyden.trainer import Trainer


def check_data_type(device_ids: object) -> None:
    """See whether a choice of devices has a type that has a meaning.

    Raises:
        SettingsError: it is no number, text, or list or tuple of numbers.
    """
    alone = type(device_ids) is int or isinstance(device_ids, str)
    if alone or (isinstance(device_ids, (list, tuple)) and all(type(one) is int for one in device_ids)):
        return
    raise SettingsError(
        f"devices={device_ids!r} has no meaning. Give a number, a list of numbers, or text like '0, 1'."
    )


def check_unique(device_ids: MutableSequence[int]) -> None:
    """See whether each device is named once.

    Raises:
        SettingsError: one is named more often.
    """
    twice = [device for device, count in Counter(device_ids).items() if count > 1]
    if twice:
        raise SettingsError(f"devices={list(device_ids)} names {twice[0]} more than once. Name each device once.")


def devices_of_text(devices: int | str | list[int]) -> int | list[int]:
    """The number of devices, or their indices, that a text means: "3" is a number, "3," and "0, 1" are indices."""
    if not isinstance(devices, str):
        return devices
    text = devices.strip()
    if "," not in text:
        return int(text)
    return [int(part) for part in text.split(",") if part.strip()]


def log_device_info(trainer: Trainer) -> None:
    """Log on which device the trainer runs."""
    rank_zero_info("This run computes on %s.", trainer.root_device)


def load_from_checkpoint(cls: type[Any], checkpoint_path: Any, *args: Any, **kwargs: Any) -> Any:
    """What ``load_from_checkpoint`` of the class does, for programs that override it."""
    if issubclass(cls, Module):
        return restore.load_from_checkpoint(cls, checkpoint_path, *args, **kwargs)
    if issubclass(cls, DataModule):
        return restore.load_datamodule_from_checkpoint(cls, checkpoint_path, *args, **kwargs)
    raise SettingsError(f"{described(cls)} is no class of modules or data modules. Give one that is.")
