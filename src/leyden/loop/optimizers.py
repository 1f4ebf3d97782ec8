"""What ``configure_optimizers`` returned, in every form that it may have, made into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, final

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from leyden.core.described import described
from leyden.core.warnings import LeydenRuntimeWarning, warn
from leyden.errors import ModuleError

Interval = Literal["epoch", "step"]
_FORMS = (
    "Return an optimizer, a list of optimizers, ([optimizer], [scheduler]), a dict with 'optimizer' and perhaps "
    "'lr_scheduler', a tuple of such dicts, or None."
)
_SCHEDULER_KEYS = ("scheduler", "interval", "frequency", "reduce_on_plateau", "monitor", "strict", "name")


@final
@dataclass
class SchedulerConfig:
    """A learning-rate scheduler and when it steps."""

    scheduler: Any
    name: str | None = None
    interval: Interval = "epoch"
    frequency: int = 1
    reduce_on_plateau: bool = False  # step(metric) instead of step()
    monitor: str | None = None
    strict: bool = True  # is a missing metric an error?


@final
class NoOptimizer(Optimizer):
    """What a run steps where ``configure_optimizers`` returned None."""

    def __init__(self) -> None:
        super().__init__([torch.zeros(1)], {})

    def step(self, closure: Any = None) -> Any:
        return closure() if closure is not None else None

    def zero_grad(self, set_to_none: bool = True) -> None:
        pass


def read_configuration(returned: Any) -> tuple[list[Optimizer], list[SchedulerConfig]]:
    """The optimizers and schedulers of whatever ``configure_optimizers`` returned.

    Raises:
        ModuleError: it is in no form that has a meaning.
    """
    match returned:
        case None:
            warn("configure_optimizers() returned None, so this run changes no weights.")
            return [NoOptimizer()], []
        case Optimizer():
            return [returned], []
        case Mapping():
            return _read_dicts([returned])
        case [[*optimizers], schedulers] if optimizers and all(_is_optimizer(item) for item in optimizers):
            listed = schedulers if isinstance(schedulers, (list, tuple)) else [schedulers]
            return optimizers, [_read_scheduler(item, None, optimizers) for item in listed]
        case [*items] if items and all(isinstance(item, Mapping) for item in items):
            return _read_dicts(items)
        case [*items] if items and all(_is_optimizer(item) for item in items):
            return items, []
        case [] | [[], *_]:
            raise ModuleError(f"configure_optimizers() returned no optimizer. {_FORMS}")
        case _:
            what = described(returned)
            raise ModuleError(f"configure_optimizers() returned {what}, which has no meaning here. {_FORMS}")


def _read_dicts(dicts: Sequence[Mapping[str, Any]]) -> tuple[list[Optimizer], list[SchedulerConfig]]:
    optimizers: list[Optimizer] = []
    schedulers: list[SchedulerConfig] = []
    for returned in dicts:
        optimizer = returned.get("optimizer")
        if not _is_optimizer(optimizer):
            raise ModuleError(
                f"configure_optimizers() returned a dict whose 'optimizer' is {described(optimizer)}. {_FORMS}"
            )
        unknown = returned.keys() - {"optimizer", "lr_scheduler", "monitor"}
        if unknown:
            names = ", ".join(sorted(map(str, unknown)))
            warn(f"configure_optimizers() returned a dict with keys that have no meaning: {names}.")
        optimizers.append(optimizer)  # type: ignore[arg-type]
        if returned.get("lr_scheduler") is not None:
            schedulers.append(_read_scheduler(returned["lr_scheduler"], returned.get("monitor"), [optimizer]))
    return optimizers, schedulers


def _read_scheduler(given: Any, monitor: str | None, optimizers: Sequence[Any]) -> SchedulerConfig:
    if not isinstance(given, Mapping):
        _check_scheduler(given, optimizers)
        plateau = isinstance(given, ReduceLROnPlateau)
        config = SchedulerConfig(given, reduce_on_plateau=plateau, monitor=monitor)
    else:
        unknown = [str(key) for key in given if key not in _SCHEDULER_KEYS]
        if unknown:
            warn(
                f"configure_optimizers() returned an lr_scheduler dict with keys that have no meaning: "
                f"{', '.join(unknown)}. Known are {', '.join(_SCHEDULER_KEYS)}.",
                LeydenRuntimeWarning,
            )
        if "scheduler" not in given:
            raise ModuleError(
                "configure_optimizers() returned an lr_scheduler dict without 'scheduler'. Add the scheduler object "
                "under that key."
            )
        _check_scheduler(given["scheduler"], optimizers)
        known = {key: value for key, value in given.items() if key in _SCHEDULER_KEYS}
        if isinstance(given["scheduler"], ReduceLROnPlateau):
            known["reduce_on_plateau"] = True  # whatever it says: this scheduler cannot step without a metric
        known.setdefault("monitor", monitor)
        config = SchedulerConfig(**known)
    name = type(config.scheduler).__name__
    if config.interval not in ("epoch", "step"):
        raise ModuleError(f"the lr_scheduler {name} has interval={config.interval!r}. Use 'epoch' or 'step'.")
    frequency: Any = config.frequency
    if isinstance(frequency, bool) or not isinstance(frequency, Integral) or frequency < 1:
        raise ModuleError(f"the lr_scheduler {name} has frequency={frequency!r}. Use a whole number from 1.")
    return config


def check_monitors(configs: Sequence[SchedulerConfig]) -> None:
    """See that schedulers which the run steps on a metric name one.

    Raises:
        ModuleError: one does not.
    """
    for config in configs:
        if config.reduce_on_plateau and config.monitor is None:
            raise ModuleError(
                f"the lr_scheduler {type(config.scheduler).__name__} steps on a metric, but none is named. Return "
                "{'scheduler': scheduler, 'monitor': 'name of a logged metric'} as lr_scheduler."
            )


def _check_scheduler(scheduler: Any, optimizers: Sequence[Any]) -> None:
    lacks = [name for name in ("step", "state_dict", "load_state_dict") if not callable(getattr(scheduler, name, None))]
    if lacks or isinstance(scheduler, (type, Optimizer)):
        raise ModuleError(
            f"configure_optimizers() returned {described(scheduler)} as lr_scheduler. Return an object with step(), "
            f"state_dict() and load_state_dict(), such as those of torch.optim.lr_scheduler. {_FORMS}"
        )
    stepped = getattr(scheduler, "optimizer", None)
    if isinstance(stepped, Optimizer) and not any(stepped is optimizer for optimizer in optimizers):
        raise ModuleError(
            f"the lr_scheduler {type(scheduler).__name__} changes an optimizer that configure_optimizers() does not "
            "return with it. Make it from the optimizer that is returned."
        )


def _is_optimizer(candidate: Any) -> bool:
    return isinstance(candidate, Optimizer)
