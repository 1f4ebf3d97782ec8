"""What one key of ``self.log`` collects, and where and how each hook may log."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from numbers import Real
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeGuard, final

import torch
from torch import Tensor

from leyden.errors import LogError


class Rule(NamedTuple):
    """How a hook logs when the call does not say, and whether the call may say otherwise."""

    on_step: bool
    on_epoch: bool
    fixed: bool = False


_BATCH: Final = Rule(on_step=True, on_epoch=False)
_EVALUATION_BATCH: Final = Rule(on_step=False, on_epoch=True)
_EPOCH: Final = Rule(on_step=False, on_epoch=True, fixed=True)

# Every place where self.log has a meaning; it is an error anywhere else.
RULES: Final[dict[str, Rule]] = {
    "on_train_start": _EPOCH,
    "on_train_epoch_start": _EPOCH,
    "on_train_batch_start": _BATCH,
    "training_step": _BATCH,
    "on_before_zero_grad": _BATCH,
    "optimizer_zero_grad": _BATCH,
    "on_before_backward": _BATCH,
    "backward": _BATCH,
    "on_after_backward": _BATCH,
    "on_before_optimizer_step": _BATCH,
    "configure_gradient_clipping": _BATCH,
    "optimizer_step": _BATCH,
    "on_train_batch_end": _BATCH,
    "on_train_epoch_end": _EPOCH,
    "on_validation_start": _EPOCH,
    "on_validation_epoch_start": _EPOCH,
    "on_validation_batch_start": _EVALUATION_BATCH,
    "validation_step": _EVALUATION_BATCH,
    "on_validation_batch_end": _EVALUATION_BATCH,
    "on_validation_epoch_end": _EPOCH,
    "on_test_start": _EPOCH,
    "on_test_epoch_start": _EPOCH,
    "on_test_batch_start": _EVALUATION_BATCH,
    "test_step": _EVALUATION_BATCH,
    "on_test_batch_end": _EVALUATION_BATCH,
    "on_test_epoch_end": _EPOCH,
}

Key = tuple[str | None, str]  # hook and name

Reduction = Literal["mean", "sum", "min", "max"]
_REDUCTIONS: Final[dict[str, Reduction]] = {"mean": "mean", "avg": "mean", "sum": "sum", "min": "min", "max": "max"}


def reduction(reduce_fx: Any, name: str) -> Reduction:
    """Which of the four reductions is meant: by its name, or by a function of that name such as ``torch.mean``."""
    spelled = reduce_fx.lower() if isinstance(reduce_fx, str) else getattr(reduce_fx, "__name__", None)
    known = _REDUCTIONS.get(spelled) if isinstance(spelled, str) else None
    if known is None:
        raise LogError(
            f"self.log({name!r}, reduce_fx={reduce_fx!r}): an epoch is reduced by 'mean', 'min', 'max' or 'sum'. For "
            "another reduction, collect the values yourself and log the result in the hook at the end of the epoch, or "
            "log a torchmetrics.Metric."
        )
    return known


class Metric(Protocol):
    """What is used of a torchmetrics.Metric."""

    _forward_cache: Any
    _computed: Any
    _update_count: int
    _defaults: Mapping[str, Any]  # the names of what it collects

    @property
    def device(self) -> torch.device: ...

    def compute(self) -> Any: ...

    def reset(self) -> None: ...


def is_metric(value: Any) -> TypeGuard[Metric]:
    """Is it a torchmetrics.Metric? The library is not imported: a program that has none cannot log one."""
    kind = getattr(sys.modules.get("torchmetrics"), "Metric", None)
    return kind is not None and isinstance(value, kind)


def is_metric_collection(value: Any) -> bool:
    """Is it a torchmetrics.MetricCollection?"""
    kind = getattr(sys.modules.get("torchmetrics"), "MetricCollection", None)
    return kind is not None and isinstance(value, kind)


class Flags(NamedTuple):
    """The arguments of ``self.log`` that every call of a key in a hook must share, as the call gave them."""

    prog_bar: bool = False
    logger: bool | None = None
    on_step: bool | None = None
    on_epoch: bool | None = None
    reduce_fx: Any = "mean"
    enable_graph: bool = False
    add_dataloader_idx: bool = True
    rank_zero_only: bool = False

    def resolved(self, name: str, hook: str | None) -> Flags:
        """The same with nothing left open, or LogError if the hook cannot log in this way."""
        rule = RULES.get(hook) if hook is not None else None
        if rule is None:
            where = f"in {hook}" if hook is not None else "outside of the hooks and steps of a run"
            raise LogError(
                f"self.log({name!r}) {where} has no batch or epoch to belong to. Log it in a step, in a batch hook or "
                "in an epoch hook, or write to a logger yourself: self.logger.log_metrics({...}, step=...)."
            )
        on_step = rule.on_step if self.on_step is None else bool(self.on_step)
        on_epoch = rule.on_epoch if self.on_epoch is None else bool(self.on_epoch)
        if rule.fixed and (on_step or not on_epoch):
            wrong = "on_step=True" if on_step else "on_epoch=False"
            raise LogError(
                f"self.log({name!r}, {wrong}) in {hook}, which runs once an epoch: the value belongs to the epoch. "
                f"Leave {wrong.partition('=')[0]} out."
            )
        if not on_step and not on_epoch:
            raise LogError(
                f"self.log({name!r}) in {hook} with on_step=False and on_epoch=False would go nowhere. Set one of "
                "them, or remove the call."
            )
        return Flags(
            bool(self.prog_bar),
            self.logger is None or bool(self.logger),
            on_step,
            on_epoch,
            reduction(self.reduce_fx, name),
            bool(self.enable_graph),
            bool(self.add_dataloader_idx),
            bool(self.rank_zero_only),
        )


@lru_cache(maxsize=256)
def _factor(batch_size: int) -> Tensor:
    # A product with a tensor that exists costs a third of one with a Python number, and gives the same bits.
    return torch.tensor(float(batch_size), dtype=torch.float32, device="cpu")


_EXACT_IN_FLOAT32: Final = 1 << 24
_START: Final[dict[Reduction, float]] = {"mean": 0.0, "sum": 0.0, "min": float("inf"), "max": float("-inf")}


@final
class Slot:
    """The values of one key from one hook: the last one, and what the epoch has summed up.

    Sums are tensors on the device of the values, at least float32 and in the order of the calls, so that an epoch's
    mean has the same bits wherever the run was interrupted. No sum is changed in place: what was published stays.
    A metric object is kept instead of values; it sums up by itself.
    """

    __slots__ = (
        "bare_name",
        "epoch_name",
        "flags",
        "frozen",
        "given",
        "last",
        "loader",
        "metric",
        "on_epoch",
        "on_step",
        "step_name",
        "total",
        "weight",
    )

    def __init__(self, name: str, flags: Flags, loader: int | None = None) -> None:
        forked = flags.on_step and flags.on_epoch
        suffix = f"/dataloader_idx_{loader}" if loader is not None and flags.add_dataloader_idx else ""
        self.given: tuple[Any, ...] | None = (
            None  # the arguments as the last call spelled them; None asks to look again
        )
        self.flags = flags
        self.loader = loader
        self.on_step = bool(flags.on_step)
        self.on_epoch = bool(flags.on_epoch)
        self.bare_name = name + suffix
        self.step_name = f"{name}_step{suffix}" if forked else self.bare_name
        self.epoch_name = f"{name}_epoch{suffix}" if forked else self.bare_name
        self.last: Tensor | None = None
        self.total: Tensor | None = None
        self.weight: float = 0
        self.metric: Metric | None = None
        self.frozen: Tensor | None = None

    def add(self, value: Tensor, batch_size: float) -> None:
        """Take a value into the epoch; ``batch_size`` weighs it in a mean."""
        total = self.total
        kind = self.flags.reduce_fx
        if total is None:
            total = torch.scalar_tensor(_START[kind], device=value.device)
        if kind == "mean":
            if type(batch_size) is int and 0 <= batch_size < _EXACT_IN_FLOAT32:
                self.total = total + value * _factor(batch_size)
            else:
                batch_size = _number(batch_size, self.bare_name)
                self.total = total + value * batch_size
            self.weight += batch_size
        elif kind == "sum":
            self.total = total + value
        else:
            self.total = torch.minimum(total, value) if kind == "min" else torch.maximum(total, value)

    def of_step(self) -> Tensor | None:
        """The last value, or None if there is none or none is wanted."""
        if self.metric is None:
            return self.last
        return _one_number(self.metric._forward_cache, self.bare_name) if self.on_step else None

    def of_epoch(self) -> Tensor | None:
        """The value of the epoch so far, or None if there is none or none is wanted."""
        if self.metric is not None:
            if not self.on_epoch or self.frozen is not None:
                return self.frozen
            return _one_number(self.metric.compute(), self.bare_name)
        if self.total is None or self.flags.reduce_fx != "mean":
            return self.total
        # A tensor on the same device: CUDA multiplies by the reciprocal of a number, which rounds otherwise.
        return self.total / torch.tensor(self.weight, dtype=self.total.dtype, device=self.total.device)

    def freeze(self) -> None:
        """Keep the value of the epoch: the metric object goes on with another loader."""
        if self.metric is not None:
            self.frozen = self.of_epoch()


def _number(batch_size: Any, name: str) -> float:
    if isinstance(batch_size, Real) or (isinstance(batch_size, Tensor) and batch_size.numel() == 1):
        return float(batch_size)
    raise LogError(
        f"self.log({name!r}, batch_size={batch_size!r}): the batch size is not a number. Give the samples' count."
    )


def _one_number(value: Any, name: str) -> Tensor | None:
    if value is None:
        return None
    if not isinstance(value, Tensor) or value.numel() != 1:
        found = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise LogError(
            f"The metric logged as {name!r} computes {found}, not one number. Call its compute() at the end of the "
            "epoch and log the elements under names of their own."
        )
    scalar: Tensor = value.detach().reshape(())
    return scalar
