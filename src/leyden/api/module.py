"""Module: the model together with how it is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from typing_extensions import Self

from leyden._torch import untraced
from leyden.api.data_hooks import DataHooks
from leyden.api.hparams import Hyperparameters
from leyden.api.module_hooks import ModuleHooks
from leyden.api.restore import class_only, load_from_checkpoint
from leyden.core.hooks import MODULE_HOOKS, Attached
from leyden.core.warnings import warn
from leyden.data.transfer import map_leaves, with_tensors
from leyden.errors import DetachedError, ModuleError, SettingsError
from leyden.runtime.clip import clip_gradients, parameters_of

if TYPE_CHECKING:
    from pathlib import Path

    from leyden.loggers.logger import Logger
    from leyden.trainer import Trainer


class Module(DataHooks, ModuleHooks, Hyperparameters, nn.Module):
    """A PyTorch module that also says how it is trained: write ``training_step`` and ``configure_optimizers``.

    It stays an ordinary ``nn.Module``: it can be called, moved and saved without a trainer.
    """

    # torch.jit.script compiles every property that is not named here; these ask the trainer, which no script has
    __jit_unused_properties__: ClassVar[list[str]] = [
        *("trainer", "logger", "loggers", "current_epoch", "global_step", "global_rank", "local_rank", "on_gpu"),
        *("automatic_optimization", "strict_loading", "example_input_array", "device", "dtype"),
        *("hparams", "hparams_initial", "_hparams", "_hparams_initial"),
    ]

    # the entries of a checkpoint that have the hyperparameters
    CHECKPOINT_HYPER_PARAMS_KEY: ClassVar[str] = "hyper_parameters"
    CHECKPOINT_HYPER_PARAMS_NAME: ClassVar[str] = "hparams_name"
    CHECKPOINT_HYPER_PARAMS_TYPE: ClassVar[str] = "hparams_type"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._trainer: Trainer | None = None
        self._attached: Attached | None = None
        device = torch.get_default_device()  # that of Trainer.init_module(), say; nothing could move away from "meta"
        self._device = torch.device("cpu") if device.type == "meta" else device
        self._dtype = torch.get_default_dtype()
        self._automatic_optimization = True
        self._strict_loading: bool | None = None
        self._example_input_array: Any = None
        self._toggled: dict[nn.Parameter, bool] = {}  # requires_grad as it was before an optimizer was toggled

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in MODULE_HOOKS and self._attached is not None:
            self._attached.rebuild()  # a hook that is set on the object while it runs counts from here on

    def __getstate__(self) -> dict[str, Any]:
        """Copies and spawned processes get the model without the trainer that runs it."""
        return {**self.__dict__, "_trainer": None, "_attached": None}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        probe = fn(torch.empty(0, device=self._device, dtype=self._dtype))  # also right where there are no parameters
        self._device, self._dtype = probe.device, probe.dtype
        return self

    # What the program writes.

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The model's answer to an input."""
        raise ModuleError(f"{type(self).__name__} has no forward(). Define it, or do not call the module itself.")

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """One batch of training: takes ``(batch, batch_idx)``, returns the loss, a dict with "loss", or None."""
        raise ModuleError(
            f"{type(self).__name__} has no training_step(). Define training_step(self, batch, batch_idx)."
        )

    def validation_step(self, *args: Any, **kwargs: Any) -> Any:
        """One batch of validation: takes ``(batch, batch_idx)``, and ``dataloader_idx`` with several loaders."""

    def test_step(self, *args: Any, **kwargs: Any) -> Any:
        """One batch of testing: takes ``(batch, batch_idx)``, and ``dataloader_idx`` with several loaders."""

    def predict_step(self, *args: Any, **kwargs: Any) -> Any:
        """One batch of prediction: takes ``(batch, batch_idx)``; calls the module on the batch unless overridden."""
        return self(args[0] if args else kwargs["batch"])

    def configure_optimizers(self) -> Any:
        """The optimizer: alone, in a list, with schedulers ``([optimizer], [scheduler])``, or as a dict.

        The dict has ``optimizer`` and may have ``lr_scheduler``, itself a scheduler or a dict of ``scheduler``,
        ``interval`` ("epoch" or "step"), ``frequency``, ``monitor``, ``strict`` and ``name``. None trains nothing.
        """
        raise ModuleError(
            f"{type(self).__name__} has no configure_optimizers(). Define it and return an optimizer, for example "
            "torch.optim.AdamW(self.parameters()), or None to run the loop without one."
        )

    def configure_callbacks(self) -> Any:
        """Callbacks that this module brings along; they replace the trainer's own of the same type."""
        return []

    def configure_model(self) -> None:
        """Build large layers late, after ``setup``. It is called for every fit, validate, test and predict."""

    # What the program may replace.

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Compute gradients of ``loss``."""
        loss.backward(*args, **kwargs)

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Optimizer, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """Step the optimizer. The closure computes loss and gradients; an ordinary optimizer calls it exactly once."""
        optimizer.step(closure=optimizer_closure)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        """Clear the gradients, at the start of each accumulation window."""
        optimizer.zero_grad()

    def lr_scheduler_step(self, scheduler: LRScheduler | ReduceLROnPlateau, metric: Any) -> None:
        """Step a scheduler; ``metric`` is the monitored value, or None where nothing is monitored."""
        if metric is None:
            scheduler.step()  # type: ignore[call-arg]
        else:
            scheduler.step(metric)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradients, after ``on_before_optimizer_step``; the arguments are the trainer's."""
        self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    # What the program calls.

    @untraced
    def log(
        self,
        name: str,
        value: Any,
        prog_bar: bool = False,
        logger: bool | None = None,
        on_step: bool | None = None,
        on_epoch: bool | None = None,
        reduce_fx: str | Callable[..., Any] = "mean",
        enable_graph: bool = False,
        sync_dist: bool = False,
        sync_dist_group: Any = None,
        add_dataloader_idx: bool = True,
        batch_size: int | None = None,
        metric_attribute: str | None = None,
        rank_zero_only: bool = False,
    ) -> None:
        """Log a value under a name.

        Args:
            name: where it appears in loggers, the progress bar and ``trainer.callback_metrics``.
            value: a number or a tensor of one element.
            prog_bar: show it in the progress bar.
            logger: send it to the loggers (default True).
            on_step: keep each batch's value. The default depends on the hook: True in training steps.
            on_epoch: reduce the values of the epoch to one. The default depends on the hook: True in evaluation steps.
            reduce_fx: how the epoch's values become one: "mean" (weighted by batch size), "sum", "min" or "max".
            enable_graph: keep the autograd graph of the value.
            sync_dist: reduce over processes.
            sync_dist_group: the processes to reduce over.
            add_dataloader_idx: tell several evaluation loaders apart by a suffix.
            batch_size: the weight of this value in the mean; found in the batch where it is left out.
            metric_attribute: the attribute that holds a metric object.
            rank_zero_only: log on the first process only.

        Raises:
            LogError: the value is no single number, or this hook cannot log in this way.
        """
        if self._attached is None:
            warn(f"self.log() of {type(self).__name__} does nothing, since no trainer is attached.")
            return
        self._attached.log.log(
            name, value, prog_bar, logger, on_step, on_epoch, reduce_fx, enable_graph, sync_dist, sync_dist_group,
            add_dataloader_idx, batch_size, metric_attribute, rank_zero_only,
        )  # fmt: skip

    @untraced
    def log_dict(
        self,
        dictionary: Mapping[str, Any],
        prog_bar: bool = False,
        logger: bool | None = None,
        on_step: bool | None = None,
        on_epoch: bool | None = None,
        reduce_fx: str | Callable[..., Any] = "mean",
        enable_graph: bool = False,
        sync_dist: bool = False,
        sync_dist_group: Any = None,
        add_dataloader_idx: bool = True,
        batch_size: int | None = None,
        rank_zero_only: bool = False,
    ) -> None:
        """Log several values at once; the arguments are those of ``log``."""
        if self._attached is None:
            warn(f"self.log_dict() of {type(self).__name__} does nothing, since no trainer is attached.")
            return
        self._attached.log.log_dict(
            dictionary, prog_bar, logger, on_step, on_epoch, reduce_fx, enable_graph, sync_dist, sync_dist_group,
            add_dataloader_idx, batch_size, rank_zero_only,
        )  # fmt: skip

    def clip_gradients(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradients of an optimizer's parameters.

        Args:
            optimizer: whose parameters count.
            gradient_clip_val: the limit; None does nothing.
            gradient_clip_algorithm: "norm" (the default) or "value".

        Raises:
            SettingsError: the algorithm is unknown, or the limit is another than the trainer's.
        """
        limit = self._trainer.gradient_clip_val if self._trainer is not None else None
        if limit is not None and gradient_clip_val is not None and gradient_clip_val != limit:
            raise SettingsError(
                f"Trainer(gradient_clip_val={limit}), but clip_gradients() was called with {gradient_clip_val}. "
                "Leave one of them out."
            )
        match str(gradient_clip_algorithm or "norm").lower():
            case "norm" | "value" as algorithm:
                clip_gradients(optimizer, gradient_clip_val or 0, algorithm)
            case _:
                raise SettingsError(
                    f"gradient_clip_algorithm={gradient_clip_algorithm!r} is unknown. Use 'norm' or 'value'."
                )

    def optimizers(self, use_pl_optimizer: bool = True) -> Any:
        """The optimizer of this run, or the list of them if there are several."""
        optimizers = self.trainer.handed_optimizers if use_pl_optimizer else self.trainer.optimizers
        return optimizers[0] if len(optimizers) == 1 else optimizers

    def manual_backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Compute gradients of ``loss`` in manual optimization, with the scaling that the precision needs."""
        self.trainer.manual_backward(loss, *args, **kwargs)

    def toggle_optimizer(self, optimizer: Optimizer) -> None:
        """Let gradients flow to this optimizer's parameters alone, until ``untoggle_optimizer``."""
        own = {id(parameter) for parameter in parameters_of(optimizer)}
        for other in self.trainer.optimizers:
            for parameter in parameters_of(other):
                self._toggled.setdefault(parameter, parameter.requires_grad)
                if id(parameter) not in own:
                    parameter.requires_grad = False
        for parameter in parameters_of(optimizer):
            parameter.requires_grad = self._toggled.get(parameter, parameter.requires_grad)

    def untoggle_optimizer(self, optimizer: Optimizer) -> None:
        """Undo ``toggle_optimizer``."""
        for parameter, required in self._toggled.items():
            parameter.requires_grad = required
        self._toggled.clear()

    @contextmanager
    def toggled_optimizer(self, optimizer: Optimizer) -> Iterator[None]:
        """Let gradients flow to this optimizer's parameters alone inside the ``with`` block."""
        self.toggle_optimizer(optimizer)
        try:
            yield
        finally:
            self.untoggle_optimizer(optimizer)

    def lr_schedulers(self) -> Any:
        """The learning-rate scheduler of this run, the list of them if there are several, or None."""
        schedulers = [config.scheduler for config in self.trainer.lr_scheduler_configs]
        if not schedulers:
            return None
        return schedulers[0] if len(schedulers) == 1 else schedulers

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print without tearing the progress bar, on the first process only."""
        if self._trainer is None:
            print(*args, **kwargs)  # noqa: T201 - this is what it is for
        else:
            self._trainer.print(*args, **kwargs)

    def all_gather(self, data: Any, group: Any = None, sync_grads: bool = False) -> Any:
        """The data of all processes: each tensor gets a new first dimension where there are several.

        Args:
            data: tensors, numbers and numpy arrays, in any nesting of the usual containers.
            group: the processes that are meant; all of them if left out.
            sync_grads: let gradients flow back to where each value came from.
        """
        strategy = self.trainer.strategy
        gather = partial(strategy.all_gather, group=group, sync_grads=sync_grads)
        return map_leaves(with_tensors(data, self.device), gather, lambda other: other)

    def freeze(self) -> Self:
        """Stop gradients of all parameters and switch to evaluation mode."""
        self.requires_grad_(False)
        return self.eval()

    def unfreeze(self) -> Self:
        """Let gradients of all parameters flow again and switch to training mode."""
        self.requires_grad_(True)
        return self.train()

    @class_only
    def load_from_checkpoint(
        cls,  # noqa: N805
        checkpoint_path: str | Path | IO[bytes],
        map_location: Any = None,
        hparams_file: str | Path | None = None,
        strict: bool | None = None,
        weights_only: bool | None = None,
        **kwargs: Any,
    ) -> Self:
        """Build the module from a checkpoint: its saved hyperparameters, then its weights. No code of the file can run.

        Args:
            checkpoint_path: the file.
            map_location: the device to load to.
            hparams_file: a YAML file with hyperparameters, for checkpoints that have none.
            strict: demand that the names of the weights match exactly (default: ``strict_loading``).
            weights_only: accepted for compatibility; loading is always safe.
            **kwargs: arguments of ``__init__`` that override the saved ones.

        Raises:
            CheckpointError: the file is damaged, malformed or belongs to another model.
        """
        return load_from_checkpoint(cls, checkpoint_path, map_location, hparams_file, strict, weights_only, **kwargs)

    # Where the module stands.

    @property
    def trainer(self) -> Trainer:
        """The trainer that runs this module."""
        if self._trainer is None:
            raise self._detached("self.trainer")
        return self._trainer

    @trainer.setter
    def trainer(self, trainer: Trainer | None) -> None:
        for child in self.children():
            if isinstance(child, Module):
                child.trainer = trainer
        self._trainer = trainer

    @property
    def automatic_optimization(self) -> bool:
        """True if the trainer runs backward and steps the optimizer."""
        return self._automatic_optimization

    @automatic_optimization.setter
    def automatic_optimization(self, automatic: bool) -> None:
        self._automatic_optimization = automatic

    @property
    def example_input_array(self) -> Any:
        """An input by which the summary finds the sizes of the layers."""
        return self._example_input_array

    @example_input_array.setter
    def example_input_array(self, example: Any) -> None:
        self._example_input_array = example

    @property
    def strict_loading(self) -> bool:
        """Must the names in a checkpoint match those of the model exactly? True unless set otherwise."""
        return self._strict_loading is not False

    @strict_loading.setter
    def strict_loading(self, strict: bool) -> None:
        self._strict_loading = strict

    @property
    def device(self) -> torch.device:
        """The device that the module was last moved to."""
        return self._device

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type that the module was last converted to."""
        return self._dtype

    @property
    def on_gpu(self) -> bool:
        """True on a CUDA device."""
        return self._device.type == "cuda"

    @property
    def current_epoch(self) -> int:
        """Epochs completed; 0 without a trainer."""
        return self._trainer.current_epoch if self._trainer is not None else 0

    @property
    def global_step(self) -> int:
        """Optimizer steps taken; 0 without a trainer."""
        return self._trainer.global_step if self._trainer is not None else 0

    @property
    def global_rank(self) -> int:
        """The number of this process among all; 0 without a trainer."""
        return self._trainer.global_rank if self._trainer is not None else 0

    @property
    def local_rank(self) -> int:
        """The number of this process on its machine; 0 without a trainer."""
        return self._trainer.local_rank if self._trainer is not None else 0

    @property
    def logger(self) -> Logger | None:
        """The first logger of the trainer."""
        return self._trainer.logger if self._trainer is not None else None

    @property
    def loggers(self) -> list[Logger]:
        """All loggers of the trainer."""
        return self._trainer.loggers if self._trainer is not None else []

    def _detached(self, what: str) -> DetachedError:
        return DetachedError(
            f"{what} of {type(self).__name__} needs a running trainer, and none is attached. "
            "Use it inside the hooks and steps of a run, or guard it for use outside."
        )
