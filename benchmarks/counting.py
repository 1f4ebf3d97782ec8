"""Counts that do not depend on the machine: Python calls in each step, and frames above a step."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType, FrameType
from typing import Any

from benchmarks.programs import Batches, Case, Framework, module_of, run_case, run_plain

WARM_UP = 20
COUNTED = 100


def calls_of_plain_loop() -> float:
    """Python calls in each step of the loop written by hand."""
    return sum(_counted(run_plain).values()) / COUNTED


def calls_per_step(framework: Framework, case: Case) -> float:
    """Python calls in each step of a training, all of them."""
    return sum(calls_by_function(framework, case).values()) / COUNTED


def calls_by_function(framework: Framework, case: Case) -> Counter[CodeType]:
    """Python calls in ``COUNTED`` steps, by the function that was called."""
    with tempfile.TemporaryDirectory() as directory:
        return _counted(partial(run_case, framework, case, directory))


def frames_above_step(framework: Framework, package: str) -> list[str]:
    """The package's functions that stand between the call of ``fit`` and ``training_step``, outermost first."""
    module, found = module_of(framework, logs=0, bar=False), []
    step = module.training_step

    def training_step(batch: Any, batch_idx: int) -> Any:
        found[:] = _names_above(sys._getframe(1), package)
        return step(batch, batch_idx)

    module.training_step = training_step
    with _quiet():
        framework.Trainer(
            max_epochs=1,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ).fit(module, Batches(3, {}))
    return found


def _counted(run: Callable[[Batches], Any]) -> Counter[CodeType]:
    calls: Counter[CodeType] = Counter()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            calls[frame.f_code] += 1

    at = {WARM_UP: lambda: sys.setprofile(note), WARM_UP + COUNTED: lambda: sys.setprofile(None)}
    outer = sys.getprofile()
    try:
        with _quiet():
            run(Batches(WARM_UP + COUNTED + 10, at))
    finally:
        sys.setprofile(outer)
    return calls


def _names_above(frame: FrameType | None, package: str) -> list[str]:
    names = []
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module == package or module.startswith(f"{package}."):
            names.append(f"{module}.{frame.f_code.co_name}")
        frame = frame.f_back
    return names[::-1]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
