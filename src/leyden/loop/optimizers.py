"""What ``configure_optimizers`` returned, in every form that it may have, made into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from leyden.core.warnings import warn
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
        case [Sequence() as optimizers, Sequence() | Mapping() as schedulers] if all(
            _is_optimizer(o) for o in optimizers
        ):
            listed = [schedulers] if isinstance(schedulers, Mapping) else schedulers
            return list(optimizers), [_read_scheduler(s, None) for s in listed]
        case [*items] if items and all(isinstance(item, Mapping) for item in items):
            return _read_dicts(items)
        case [*items] if items and all(_is_optimizer(item) for item in items):
            return items, []
    raise ModuleError(f"configure_optimizers() returned {_describe(returned)}, which has no meaning here. {_FORMS}")


def _read_dicts(dicts: Sequence[Mapping[str, Any]]) -> tuple[list[Optimizer], list[SchedulerConfig]]:
    optimizers: list[Optimizer] = []
    schedulers: list[SchedulerConfig] = []
    for returned in dicts:
        optimizer = returned.get("optimizer")
        if not _is_optimizer(optimizer):
            raise ModuleError(
                f"configure_optimizers() returned a dict whose 'optimizer' is {_describe(optimizer)}. {_FORMS}"
            )
        unknown = returned.keys() - {"optimizer", "lr_scheduler", "monitor"}
        if unknown:
            names = ", ".join(sorted(map(str, unknown)))
            warn(f"configure_optimizers() returned a dict with keys that have no meaning: {names}.")
        optimizers.append(optimizer)  # type: ignore[arg-type]
        if returned.get("lr_scheduler") is not None:
            schedulers.append(_read_scheduler(returned["lr_scheduler"], returned.get("monitor")))
    return optimizers, schedulers


def _read_scheduler(given: Any, monitor: str | None) -> SchedulerConfig:
    if not isinstance(given, Mapping):
        _check_scheduler(given)
        plateau = isinstance(given, ReduceLROnPlateau)
        config = SchedulerConfig(given, reduce_on_plateau=plateau, monitor=monitor)
    else:
        unknown = [str(key) for key in given if key not in _SCHEDULER_KEYS]
        if unknown:
            warn(
                f"the lr_scheduler dict has keys that have no meaning: {', '.join(unknown)}. "
                f"Known are {', '.join(_SCHEDULER_KEYS)}."
            )
        if "scheduler" not in given:
            raise ModuleError("the lr_scheduler dict has no key 'scheduler'. Add the scheduler object under it.")
        _check_scheduler(given["scheduler"])
        known = {key: value for key, value in given.items() if key in _SCHEDULER_KEYS}
        known.setdefault("reduce_on_plateau", isinstance(given["scheduler"], ReduceLROnPlateau))
        known.setdefault("monitor", monitor)
        config = SchedulerConfig(**known)
    if config.interval not in ("epoch", "step"):
        raise ModuleError(f"an lr_scheduler has interval={config.interval!r}. Use 'epoch' or 'step'.")
    if type(config.frequency) is not int or config.frequency < 1:
        raise ModuleError(f"an lr_scheduler has frequency={config.frequency!r}. Use a whole number from 1.")
    if config.reduce_on_plateau and config.monitor is None:
        raise ModuleError(
            f"{type(config.scheduler).__name__} steps on a metric, but none is named. Return "
            "{'scheduler': scheduler, 'monitor': 'name of a logged metric'} as lr_scheduler."
        )
    return config


def _check_scheduler(scheduler: Any) -> None:
    if not callable(getattr(scheduler, "step", None)) or not callable(getattr(scheduler, "state_dict", None)):
        raise ModuleError(f"an lr_scheduler is {_describe(scheduler)}, which has no step() and state_dict(). {_FORMS}")


def _is_optimizer(candidate: Any) -> bool:
    return isinstance(candidate, Optimizer)


def _describe(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of ({', '.join(type(item).__name__ for item in value)})"
    return f"a {type(value).__name__}"
