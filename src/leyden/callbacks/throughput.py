"""Throughput: how much is processed in a second, over the last updates."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, final

import torch

from leyden.core.warnings import warn
from leyden.errors import LogError, SettingsError

# Operations a second without sparsity, from the maker's data sheets; the first name that is in the device's own counts.
_SINGLE, _HALF = (torch.float32,), (torch.float16, torch.bfloat16)
_PEAKS: tuple[tuple[str, dict[tuple[torch.dtype, ...], float]], ...] = (
    ("h200", {_SINGLE: 67e12, _HALF: 989e12}),
    ("h100 nvl", {_SINGLE: 60e12, _HALF: 835e12}),
    ("h100 pcie", {_SINGLE: 51e12, _HALF: 756e12}),
    ("h100", {_SINGLE: 67e12, _HALF: 989e12}),
    ("a100", {_SINGLE: 19.5e12, _HALF: 312e12}),
    ("l40s", {_SINGLE: 91.6e12, _HALF: 362e12}),
    ("l40", {_SINGLE: 90.5e12, _HALF: 181e12}),
    ("l4", {_SINGLE: 30.3e12, _HALF: 121e12}),
    ("a40", {_SINGLE: 37.4e12, _HALF: 149.7e12}),
    ("a10", {_SINGLE: 31.2e12, _HALF: 125e12}),
    ("v100", {_SINGLE: 15.7e12, (torch.float16,): 125e12}),
    ("t4", {_SINGLE: 8.1e12, (torch.float16,): 65e12}),
    ("rtx 4090", {_SINGLE: 82.6e12, _HALF: 165.2e12}),
    ("rtx 3090", {_SINGLE: 35.6e12, _HALF: 71e12}),
)


class _Update(NamedTuple):
    time: float
    batches: int
    samples: int
    lengths: int | None
    flops: float | None


@final
class Throughput:
    """Count what is processed, and say how much that is in a second.

    Args:
        available_flops: the most operations a second that a device can do, for its utilization ("mfu").
        world_size: the number of devices that process as much.
        window_size: over how many updates to average.
        separator: what stands between "device" and the rest of a name.
    """

    def __init__(
        self,
        available_flops: float | None = None,
        world_size: int = 1,
        window_size: int = 100,
        separator: str = "/",
    ) -> None:
        for name, value, least in (("world_size", world_size, 1), ("window_size", window_size, 2)):
            if value < least:
                raise SettingsError(f"Throughput({name}={value!r}) must be a whole number, {least} or more.")
        self.available_flops = available_flops
        self.world_size = world_size
        self.separator = separator
        self._updates: deque[_Update] = deque(maxlen=window_size)

    def update(
        self, *, time: float, batches: int, samples: int, lengths: int | None = None, flops: float | None = None
    ) -> None:
        """Note what was processed by now; everything is counted from the beginning, but for ``flops``.

        Args:
            time: seconds.
            batches: batches.
            samples: samples in them.
            lengths: items in those, such as tokens.
            flops: operations since the last update.
        """
        if samples < batches or (lengths is not None and lengths < samples):
            raise LogError(
                f"{batches} batches of {samples} samples with {lengths} items: there is less in them than there are of "
                "them. All are counted from the beginning of the run, in samples, not in batches."
            )
        now = _Update(time, batches, samples, lengths, flops)
        before = self._updates[-1] if self._updates else None
        if before is not None:
            for name, old, new in zip(_Update._fields[:4], before, now, strict=False):
                if (old is None) != (new is None):
                    raise LogError(f"update() was once called with {name} and once without. Give it always, or never.")
                if old is not None and new is not None and not new > old:
                    raise LogError(f"{name}={new} does not come after {old}. Count from the beginning of the run.")
        self._updates.append(now)

    def compute(self) -> dict[str, int | float]:
        """What was processed in all, and in a second, as soon as the window is full."""
        if not self._updates:
            return {}
        last, first = self._updates[-1], self._updates[0]
        metrics: dict[str, int | float] = {"time": last.time, "batches": last.batches, "samples": last.samples}
        if last.lengths is not None:
            metrics["lengths"] = last.lengths
        if len(self._updates) < (self._updates.maxlen or 0):
            return metrics
        seconds = last.time - first.time
        rates = {"batches": last.batches - first.batches, "samples": last.samples - first.samples}
        if last.lengths is not None and first.lengths is not None:
            rates["items"] = last.lengths - first.lengths
        self._add(metrics, {f"{name}_per_sec": count / seconds for name, count in rates.items()})
        operations = [update.flops for update in list(self._updates)[1:]]
        if None not in operations and first.flops is not None:
            speed = sum(flops for flops in operations if flops is not None) / seconds
            self._add(metrics, {"flops_per_sec": speed})
            if self.available_flops:
                metrics[f"device{self.separator}mfu"] = speed / self.available_flops
        return metrics

    def reset(self) -> None:
        """Begin anew."""
        self._updates.clear()

    def _add(self, metrics: dict[str, int | float], rates: dict[str, float]) -> None:
        for name, rate in rates.items():
            if self.world_size > 1:
                metrics[name] = rate * self.world_size
            metrics[f"device{self.separator}{name}"] = rate


def get_available_flops(device: torch.device, dtype: torch.dtype) -> float | None:
    """The most operations a second that a device can do in a number format; None where that is not known."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    plain = name.lower().replace("-", " ")
    for known, peaks in _PEAKS:
        if known in plain:
            peak = next((peak for dtypes, peak in peaks.items() if dtype in dtypes), None)
            break
    else:
        peak = None
    if peak is None:
        warn(f"How many operations a second {name} can do in {dtype} is not known, so its utilization is not computed.")
    return peak
