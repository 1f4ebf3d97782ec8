"""The collected values of ``self.log`` as plain data and tensors, for a checkpoint, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from leyden.core.slots import RULES, Flags, Key, Metric, Slot, reduction
from leyden.errors import FormatError, LogError

_ENTRIES = ("hook", "name", *Flags._fields, "last", "total", "weight", "metric")


def dump_slots(slots: Mapping[Key, Slot], metrics: Mapping[str, Metric]) -> list[dict[str, Any]]:
    """One entry for each key; of a metric object that has a name, the name, since it keeps its values itself."""
    names = {id(metric): name for name, metric in metrics.items()}
    return [
        {
            "hook": hook,
            "name": name,
            **slot.flags._asdict(),
            "last": slot.last,
            "total": slot.total,
            "weight": slot.weight,
            "metric": None if slot.metric is None else names[id(slot.metric)],
        }
        for (hook, name), slot in slots.items()
        if slot.metric is None or id(slot.metric) in names
    ]


def load_slots(entries: Any, metrics: Mapping[str, Metric]) -> dict[Key, Slot]:
    """The slots of ``dump_slots``; ``metrics`` are the metric objects by name.

    Raises:
        FormatError: an entry is malformed.
    """
    if not isinstance(entries, list):
        raise FormatError("The logged values of the epoch are not a list.")
    slots: dict[Key, Slot] = {}
    for index, entry in enumerate(entries):
        slot = _load_slot(entry, f"Logged value {index} of the epoch", metrics)
        slots[entry["hook"], entry["name"]] = slot
    if len(slots) != len(entries):
        raise FormatError("Two logged values of the epoch have the same hook and name.")
    return slots


def _load_slot(entry: Any, where: str, metrics: Mapping[str, Metric]) -> Slot:
    if not isinstance(entry, Mapping) or set(entry) != set(_ENTRIES):
        raise FormatError(f"{where} has not exactly the entries {', '.join(_ENTRIES)}.")
    if not isinstance(entry["hook"], str) or entry["hook"] not in RULES or not isinstance(entry["name"], str):
        raise FormatError(f"{where} names no hook that can log, or its own name is no text.")
    where = f"{where} ({entry['name']!r} in {entry['hook']})"
    flags = Flags(**{field: entry[field] for field in Flags._fields})
    if not all(isinstance(flag, bool) for flag in flags._replace(reduce_fx=True)):
        raise FormatError(f"{where} has an argument that is no bool.")
    try:
        if reduction(flags.reduce_fx, entry["name"]) != flags.reduce_fx:
            raise FormatError(f"{where} has an unknown reduction.")
        flags.resolved(entry["name"], entry["hook"])
    except LogError as error:
        raise FormatError(f"{where} cannot have been logged: {error}") from error
    slot = Slot(entry["name"], flags)
    slot.last = _load_value(entry["last"], f"{where}, entry 'last',")
    slot.total = _load_value(entry["total"], f"{where}, entry 'total',")
    weight = entry["weight"]
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise FormatError(f"{where} has a weight that is no number.")
    slot.weight = weight
    if (metric := entry["metric"]) is not None:
        if not isinstance(metric, str) or metric not in metrics:
            raise FormatError(f"{where} is of the metric object {metric!r}, which the module does not have.")
        slot.metric = metrics[metric]
    return slot


def load_values(values: Any, where: str) -> dict[str, Tensor]:
    """Named 0-d tensors.

    Raises:
        FormatError: they are something else.
    """
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise FormatError(f"{where} are not values by name.")
    loaded = {name: _load_value(value, f"{where}, entry {name!r},") for name, value in values.items()}
    return {name: value for name, value in loaded.items() if value is not None}


def _load_value(value: Any, where: str) -> Tensor | None:
    if value is not None and (not isinstance(value, Tensor) or value.ndim or not value.is_floating_point()):
        raise FormatError(f"{where} is not one number.")
    return value
