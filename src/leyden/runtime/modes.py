"""PyTorch's global switches, set for a run and put back after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_modes(deterministic: bool | str, benchmark: bool | None, detect_anomaly: bool) -> Iterator[None]:
    """Run with these switches, and leave them as they were.

    Args:
        deterministic: demand deterministic algorithms; "warn" only warns where there is none.
        benchmark: let cuDNN look for the fastest algorithm; None leaves it alone.
        detect_anomaly: let autograd say which forward operation led to a NaN, at a high price.
    """
    strictly, softly = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    searching = torch.backends.cudnn.benchmark
    if deterministic:
        torch.use_deterministic_algorithms(True, warn_only=deterministic == "warn")
    if benchmark is not None:
        torch.backends.cudnn.benchmark = benchmark
    try:
        with torch.autograd.set_detect_anomaly(detect_anomaly or torch.is_anomaly_enabled()):
            yield
    finally:
        torch.use_deterministic_algorithms(strictly, warn_only=softly)
        torch.backends.cudnn.benchmark = searching
