"""What is looked at before and at the start of a call: what it lacks, and what contradicts something else."""

from __future__ import annotations

from typing import Any

from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.assemble import KINDS, overridden
from leyden.core.stage import TrainerFn
from leyden.core.state import State
from leyden.core.warnings import warn
from leyden.errors import DataError, ModuleError, SettingsError
from leyden.loop.steps import check_step
from leyden.settings import Settings
from leyden.sources import Source


def check_fit(module: Module, train: Source, val: Source, settings: Settings) -> None:
    """Find what is missing before anything runs.

    Raises:
        ModuleError: the module cannot be trained as it is.
        DataError: there is no training loader.
    """
    name = type(module).__name__
    for method, example in (
        ("training_step", "training_step(self, batch, batch_idx)"),
        ("configure_optimizers", "configure_optimizers(self)"),
    ):
        if not overridden(module, method):
            raise ModuleError(f"{name} has no {method}(), which fit() needs. Define {example}.")
    check_step(module.training_step, "training_step")
    if not module.automatic_optimization:
        for argument, value, neutral in (
            ("gradient_clip_val", settings.gradient_clip_val, 0),
            ("accumulate_grad_batches", settings.accumulate_grad_batches, 1),
        ):
            if value != neutral:
                raise SettingsError(
                    f"{argument}={value} is for automatic optimization, and {name} optimizes manually. "
                    f"Drop {argument}, and do it in training_step()."
                )
    if not train.defined:
        raise DataError(
            "fit() has no training data. Call fit(model, train_dataloaders=loader), or define "
            f"train_dataloader() on {name} "
            "or on a data module."
        )
    if settings.limit_val_batches == 0:
        return
    if val.defined and not overridden(module, "validation_step"):
        warn(f"there is a val_dataloader, but {name} has no validation_step(), so nothing is validated.")
    if overridden(module, "validation_step") and not val.defined:
        warn(f"{name} has a validation_step(), but there is no val_dataloader, so nothing is validated.")


def check_evaluation(fn: TrainerFn, module: Module, datamodule: DataModule | None, given: Any) -> None:
    """Find what is missing before anything runs.

    Raises:
        ModuleError: the step is missing.
        DataError: there is no loader.
    """
    kind, name = KINDS[fn], type(module).__name__
    if fn is not TrainerFn.PREDICTING and not overridden(module, kind.step):
        raise ModuleError(
            f"{name} has no {kind.step}(), which {fn}() needs. Define {kind.step}(self, batch, batch_idx)."
        )
    if fn is TrainerFn.PREDICTING and module.predict_step is None:
        raise ModuleError(f"predict_step of {name} is None, so predict() has no step. Do not set it, or define it.")
    if fn is TrainerFn.PREDICTING and not (overridden(module, "predict_step") or overridden(module, "forward")):
        raise ModuleError(
            f"{name} has neither predict_step() nor forward(), one of which predict() needs. Define "
            "forward(self, batch)."
        )
    if not Source.of(kind.loader, given, datamodule, module).defined:
        raise DataError(
            f"{fn}() has no data. Call {fn}(model, dataloaders=loader), or define {kind.loader}() on "
            f"{name} or on a data module."
        )


def warn_of_evaluation_mode(module: Module) -> None:
    """Training does not change modes, so a part that was left in evaluation mode stays there."""
    asleep = [name for name, part in module.named_modules() if not part.training]
    if asleep:
        shown = ", ".join(repr(name) for name in asleep[:3]) + (
            f" and {len(asleep) - 3} more" if len(asleep) > 3 else ""
        )
        warn(
            f"training begins with parts of the model in evaluation mode: {shown}. "
            "Call train() on them, unless they are meant to be frozen."
        )


def check_epochs(state: State, settings: Settings, where: str) -> None:
    if state.epoch > settings.epochs:
        raise SettingsError(
            f"{where} was made after {state.epoch} epochs, but max_epochs={settings.max_epochs}. "
            f"Raise max_epochs to {state.epoch + 1} or more to go on."
        )
