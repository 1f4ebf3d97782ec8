"""LearningRateMonitor: learning rates, and what else optimizers step with, as rows of the loggers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch.optim import Optimizer

from leyden.api.callback import Callback
from leyden.errors import ModuleError, SettingsError

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.trainer import Trainer

Interval = Literal["step", "epoch"]


class _Watched(NamedTuple):
    """An optimizer, the name of each of its parameter groups, and when its scheduler steps, if it has one."""

    optimizer: Optimizer
    names: list[str]
    interval: Interval | None


class LearningRateMonitor(Callback):
    """Log the learning rate of every parameter group.

    A rate is called ``lr-SGD`` after its optimizer, or as the ``lr_scheduler`` dict says under ``name``. Further
    optimizers of a type are numbered from ``lr-SGD-1``; ``/pg1``, ``/pg2`` or the ``name`` of the parameter group
    tells several groups apart.

    Args:
        logging_interval: "epoch" logs at the start of each epoch, "step" in each step of which a row is logged; None
            follows the scheduler, and does both where there is none.
        log_momentum: log the momentum too, or the first of the betas, as ``NAME-momentum``.
        log_weight_decay: log the weight decay too, as ``NAME-weight_decay``.
    """

    def __init__(
        self, logging_interval: Interval | None = None, log_momentum: bool = False, log_weight_decay: bool = False
    ) -> None:
        if logging_interval not in (None, "step", "epoch"):
            raise SettingsError(
                f"LearningRateMonitor(logging_interval={logging_interval!r}) is no interval. Use 'step', 'epoch', or "
                "None to follow the schedulers."
            )
        self.logging_interval = logging_interval
        self.log_momentum = log_momentum
        self.log_weight_decay = log_weight_decay
        self.lrs: dict[str, list[float]] = {}
        """The rates logged in this run, by name."""
        self.last_momentum_values: dict[str, float] = {}
        self.last_weight_decay_values: dict[str, float] = {}

    def setup(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        if stage == "fit":
            check_loggers(trainer.loggers)

    def on_train_start(self, trainer: Trainer, pl_module: Module) -> None:
        self.lrs = {name: [] for watched in _watched(trainer) for name in watched.names}
        self.last_momentum_values, self.last_weight_decay_values = {}, {}

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        if self.logging_interval != "step":
            self._log(trainer, "epoch")

    def on_train_batch_start(self, trainer: Trainer, pl_module: Module, batch: Any, batch_idx: int) -> None:
        every = trainer.log_every_n_steps
        if self.logging_interval != "epoch" and every and (trainer.logged_steps + 1) % every == 0:
            self._log(trainer, "step")

    def _log(self, trainer: Trainer, interval: Interval) -> None:
        values: dict[str, float] = {}
        for watched in _watched(trainer):
            if self.logging_interval is None and watched.interval not in (None, interval):
                continue
            for group, name in zip(watched.optimizer.param_groups, watched.names, strict=True):
                values.update(self._values(group, name))
        if not values:
            return
        trainer.callback_metrics.update(
            (name, torch.tensor(value, device=trainer.root_device)) for name, value in values.items()
        )
        for logger in trainer.loggers:
            logger.log_metrics(values, trainer.logged_steps)

    def _values(self, group: dict[str, Any], name: str) -> dict[str, float]:
        rate = _number(group["lr"])
        self._history(name).append(rate)
        values = {name: rate}
        if self.log_momentum:
            momentum = group["betas"][0] if "betas" in group else group.get("momentum", 0)
            values[f"{name}-momentum"] = self.last_momentum_values[f"{name}-momentum"] = _number(momentum)
        if self.log_weight_decay:
            decay = _number(group.get("weight_decay", 0))
            values[f"{name}-weight_decay"] = self.last_weight_decay_values[f"{name}-weight_decay"] = decay
        return values

    def _history(self, name: str) -> list[float]:
        """What was logged under a name; a group that had no number before goes on as the first."""
        only = name.removesuffix("/pg1")
        if name not in self.lrs:
            self.lrs[name] = self.lrs.pop(only, []) if only != name else []
        return self.lrs[name]


def check_loggers(loggers: list[Any]) -> None:
    """Find that there is nowhere to log to.

    Raises:
        SettingsError: there is no logger.
    """
    if not loggers:
        raise SettingsError(
            "callbacks has a LearningRateMonitor, but logger=False leaves it nowhere to log to. "
            "Leave out one of the two."
        )


def _watched(trainer: Trainer) -> list[_Watched]:
    """Every optimizer with a learning rate: those with a scheduler first, once for each scheduler, then the others.

    They are looked up each time, since parameter groups may be added during a run.
    """
    watched: list[_Watched] = []
    seen: Counter[type[Optimizer]] = Counter()
    for config in trainer.lr_scheduler_configs:
        optimizer = getattr(config.scheduler, "optimizer", None)
        if isinstance(optimizer, Optimizer):
            name = config.name if config.name is not None else _unused_name(optimizer, seen)
            watched.append(_Watched(optimizer, _group_names(optimizer, name), config.interval))
    scheduled = {id(item.optimizer) for item in watched}
    for optimizer in trainer.optimizers:
        if id(optimizer) not in scheduled and all("lr" in group for group in optimizer.param_groups):
            name = _unused_name(optimizer, seen)
            watched.append(_Watched(optimizer, _group_names(optimizer, name), None))
    return watched


def _unused_name(optimizer: Optimizer, seen: Counter[type[Optimizer]]) -> str:
    kind = type(optimizer)
    number = seen[kind]
    seen[kind] += 1
    return f"lr-{kind.__name__}-{number}" if number else f"lr-{kind.__name__}"


def _group_names(optimizer: Optimizer, name: str) -> list[str]:
    groups = optimizer.param_groups
    own = [group.get("name") for group in groups]
    several = Counter(label for label in own if label is not None)
    if double := [label for label, count in several.items() if count > 1]:
        raise ModuleError(
            f"{name} has several parameter groups with the name {double[0]!r}, so their learning rates could not be "
            "told apart. Give each group in configure_optimizers() a 'name' of its own, or none."
        )
    numbered = [f"/pg{number}" if len(groups) > 1 else "" for number in range(1, len(groups) + 1)]
    return [name + (number if label is None else f"/{label}") for label, number in zip(own, numbered, strict=True)]


def _number(value: Any) -> float:
    """A rate may be a tensor, which changes in place."""
    return value.item() if isinstance(value, torch.Tensor) else value
