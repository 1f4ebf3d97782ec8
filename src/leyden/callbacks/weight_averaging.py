"""WeightAveraging and EMAWeightAveraging: an average of the weights of training, which is what the run is for."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from leyden.api.callback import Callback
from leyden.api.restore import fill_weights
from leyden.callbacks.saved_state import SavedState
from leyden.core.stage import TrainerFn
from leyden.core.warnings import warn
from leyden.errors import FormatError, SettingsError

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.trainer import Trainer

_CURRENT = "current_model_state"  # Lightning's keys for what a checkpoint has beside the average
_AVERAGING = "averaging_state"


class WeightAveraging(Callback):
    """Average the weights of training; validation, checkpoints and the end of training have the average.

    Override ``should_update`` to say when the weights of training go into the average; as it is, they do so after each
    optimizer step. Until they first do, there is no average, and the weights of training stand in for it.

    A checkpoint has the average as its ``state_dict``, so whoever loads it gets the average, and the weights of
    training beside it, so a resumed run ends with the same bits as one that was never stopped. A checkpoint that is
    made after ``on_train_end`` has the average alone.

    Args:
        device: where the average is kept; None for the device of the model.
        use_buffers: average the buffers, too; else they are copied.
        kwargs: arguments of ``torch.optim.swa_utils.AveragedModel``, such as ``avg_fn``. Without one all weights that
            go into the average count the same.
    """

    catches_up: ClassVar[bool] = True

    def __init__(self, device: torch.device | str | int | None = None, use_buffers: bool = True, **kwargs: Any) -> None:
        self._device = device
        self._use_buffers = use_buffers
        self._kwargs = kwargs
        self._average_model: AveragedModel | None = None
        self._own: list[Tensor] | None = None  # the weights of training, while the module has the average
        self._latest_update_step = 0
        self._epochs_asked = 0
        self._resumed = False

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Do the weights go into the average now?

        Args:
            step_idx: the number of the optimizer step that was just taken, from 0; None at the end of an epoch.
            epoch_idx: the number of the epoch that just ended; None after a step.
        """
        return step_idx is not None

    def setup(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        if stage != TrainerFn.FITTING:
            return
        pl_module.configure_model()  # there may be no weights before
        device = trainer.strategy.root_device if self._device is None else self._device
        self._average_model = AveragedModel(
            pl_module, device=cast("Any", device), use_buffers=self._use_buffers, **self._kwargs
        )
        self._own = None
        self._latest_update_step = trainer.global_step
        self._epochs_asked = trainer.current_epoch
        self._resumed = False

    def on_train_start(self, trainer: Trainer, pl_module: Module) -> None:
        if self._resumed:
            self._after_step(trainer, pl_module)  # it was saved by a callback that came before this one
        else:
            self._latest_update_step = trainer.global_step
            self._epochs_asked = trainer.current_epoch

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        self._after_epochs(trainer.current_epoch, pl_module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._after_step(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        self._after_epochs(trainer.current_epoch + 1, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: Module) -> None:
        self._after_epochs(trainer.current_epoch, pl_module)
        self._copy_average_to_current(pl_module)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: Module) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            self._swap_models(pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            self._swap_models(pl_module)

    def on_exception(self, trainer: Trainer, pl_module: Module, exception: BaseException) -> None:
        if self._own is not None:
            self._swap_models(pl_module)

    def state_dict(self) -> dict[str, Any]:
        """The last step that went into the average, and how many epochs were asked about."""
        return {"latest_update_step": self._latest_update_step, "epochs_asked": self._epochs_asked}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        saved = SavedState(self.state_key, state_dict)
        step, epochs = saved.count("latest_update_step"), saved.count("epochs_asked", 0)
        self._latest_update_step, self._epochs_asked = step, epochs
        self._resumed = "epochs_asked" in saved  # else: a file of Lightning's, which does not count them

    def on_save_checkpoint(self, trainer: Trainer, pl_module: Module, checkpoint: dict[str, Any]) -> None:
        average = self._average_model
        if average is None:
            return
        if self._own is None:
            checkpoint[_CURRENT] = checkpoint["state_dict"]
        else:
            self._swap_models(pl_module)
            checkpoint[_CURRENT] = copy.deepcopy(pl_module.state_dict())
            self._swap_models(pl_module)
        if self._averages:
            checkpoint["state_dict"] = _module_of(average).state_dict()
        checkpoint[_AVERAGING] = {"n_averaged": average.n_averaged}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: Module, checkpoint: dict[str, Any]) -> None:
        average = self._average_model
        if average is None or trainer.state.fn != TrainerFn.FITTING:
            return  # the module has the average, and nothing else is asked for
        where = str(trainer.ckpt_path)
        fill_weights(_module_of(average), checkpoint["state_dict"], pl_module.strict_loading, where)
        if _CURRENT not in checkpoint:
            warn(f"{where} was saved without {type(self).__name__}, so the average begins with the run that goes on.")
            return
        part = SavedState(f"{self.state_key} in {where}", checkpoint.get(_AVERAGING))
        count = int(part.number("n_averaged"))
        if count < 0:
            raise FormatError(f"{where} has an average of {count} models. Resume from another checkpoint.")
        fill_weights(pl_module, SavedState(where, checkpoint[_CURRENT]).tensors(), pl_module.strict_loading, where)
        average.n_averaged.fill_(count)

    @property
    def _averages(self) -> bool:
        """Is there an average yet?"""
        return self._average_model is not None and int(self._average_model.n_averaged) > 0

    def _after_step(self, trainer: Trainer, pl_module: Module) -> None:
        step = trainer.global_step
        if step > self._latest_update_step and self.should_update(step_idx=step - 1):
            self._update(pl_module)
            self._latest_update_step = step

    def _after_epochs(self, ended: int, pl_module: Module) -> None:
        """Ask about the epoch that has ended, unless that was done."""
        if ended > self._epochs_asked:
            self._epochs_asked = ended
            if self.should_update(epoch_idx=ended - 1):
                self._update(pl_module)

    def _update(self, pl_module: Module) -> None:
        assert self._average_model is not None
        self._average_model.update_parameters(pl_module)

    def _swap_models(self, pl_module: Module) -> None:
        """Put the average into the module, or the weights of training back."""
        average = self._average_model
        assert average is not None
        if self._own is not None:
            _put(self._own, pl_module)
            self._own = None
        elif self._averages:
            kept = list(_weights(_module_of(average)))
            self._own = [
                own.detach().to(there.device, copy=True) for own, there in zip(_weights(pl_module), kept, strict=True)
            ]
            _put(kept, pl_module)

    def _copy_average_to_current(self, pl_module: Module) -> None:
        average = self._average_model
        assert average is not None
        if self._averages:
            _put(list(_weights(_module_of(average))), pl_module)


class EMAWeightAveraging(WeightAveraging):
    """An exponential moving average of the weights: each update moves it by ``1 - decay`` of the way to them.

    Args:
        device: where the average is kept; None for the device of the model.
        use_buffers: average the buffers, too; else they are copied.
        decay: how much of the average stays, from 0 to 1.
        update_every_n_steps: update after the steps whose number is a multiple of it.
        update_starting_at_step: the first step to update after.
        update_starting_at_epoch: from this epoch on, update at the end of an epoch, too.
        kwargs: further arguments of ``torch.optim.swa_utils.AveragedModel``.
    """

    def __init__(
        self,
        device: torch.device | str | int | None = None,
        use_buffers: bool = True,
        decay: float = 0.999,
        update_every_n_steps: int = 1,
        update_starting_at_step: int | None = None,
        update_starting_at_epoch: int | None = None,
        **kwargs: Any,
    ) -> None:
        if not 0 <= decay <= 1:
            raise SettingsError(f"EMAWeightAveraging(decay={decay!r}) must be a number from 0 to 1, such as 0.999.")
        if update_every_n_steps < 1:
            raise SettingsError(
                f"EMAWeightAveraging(update_every_n_steps={update_every_n_steps!r}) never updates. Use 1 or more."
            )
        super().__init__(device, use_buffers, avg_fn=get_ema_avg_fn(decay), **kwargs)
        self.update_every_n_steps = update_every_n_steps
        self.update_starting_at_step = update_starting_at_step
        self.update_starting_at_epoch = update_starting_at_epoch

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        if step_idx is not None:
            first = self.update_starting_at_step
            return (first is None or step_idx >= first) and step_idx % self.update_every_n_steps == 0
        first = self.update_starting_at_epoch
        return epoch_idx is not None and first is not None and epoch_idx >= first


def _module_of(average: AveragedModel) -> Module:
    return cast("Module", average.module)


def _weights(module: torch.nn.Module) -> Iterator[Tensor]:
    return chain(module.parameters(), module.buffers())


def _put(values: list[Tensor], module: Module) -> None:
    with torch.no_grad():
        for own, value in zip(_weights(module), values, strict=True):
            own.copy_(value)
