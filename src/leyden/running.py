"""Running: fit, validate, test and predict in time order, with the loops of ``leyden.loop`` in the middle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from leyden.assemble import assemble_evaluation, assemble_run, optimizers_of, overridden
from leyden.callbacks.prediction_writer import BasePredictionWriter
from leyden.checks import check_epochs, check_evaluation, check_fit, warn_of_evaluation_mode
from leyden.core.stage import RunningStage, TrainerFn
from leyden.loop.evaluate import evaluate
from leyden.loop.fit import counted_steps, fit
from leyden.loop.predict import predict
from leyden.loop.run import Evaluation
from leyden.runtime.seed import isolate_rng, random_states, restore_random_states
from leyden.session import Session
from leyden.settings import warn_of_default_epochs
from leyden.snapshot import (
    hyperparameter_part,
    restore_gradients,
    restore_optimizers,
    restore_scaler,
    resume_of,
    saved_state,
)
from leyden.sources import Source


def run_fit(s: Session, train_given: Any, val_given: Any) -> None:
    """Train: everything before and after the loop of ``loop.fit``."""
    s.state.begin_fit()
    s.attach()
    s.train = Source.of("train_dataloader", train_given, s.datamodule, s.module)
    val = Source.of("val_dataloader", val_given, s.datamodule, s.module)
    check_fit(s.module, s.train, val, s.settings)
    s.validates = val.defined and overridden(s.module, "validation_step") and s.settings.limit_val_batches > 0
    checkpoint = s.set_up()
    where = str(s.ckpt_path)
    s.log.clear()
    warn_of_default_epochs(s.settings)
    warn_of_evaluation_mode(s.module)
    with s.loading():
        s.resume = None if checkpoint is None else resume_of(checkpoint, s.module, where)
        s.optimizers, s.schedulers = optimizers_of(s.module, s.log)
    s.hooks.on_fit_start()
    if any(callback.saves for callback in s.callbacks):
        hyperparameter_part(s.module, s.datamodule)  # says now, not at the first save, what a checkpoint will not hold
    s.log_hyperparameters()
    from_start, wished = s.resume is None or s.resume.data is None, False
    if checkpoint is not None and s.resume is not None:
        with s.loading():
            restore_optimizers(checkpoint, s.optimizers, s.schedulers, where)
            asked = s.state.stop  # a hook may ask for it by now
            s.state.become(saved_state(checkpoint, where))
            wished, s.state.stop = s.state.stop, asked
            check_epochs(s.state, s.settings, where)
        if from_start and s.resume.random is not None:
            restore_random_states(s.resume.random)
    s.module.zero_grad()  # gradients of an earlier run
    s.evaluation = assemble_evaluation(s.parts(), TrainerFn.VALIDATING, val_given, torch.no_grad, in_fit=True)
    at_edge = checkpoint is None or s.state.at in ("epoch_start", "epoch_end")
    if s.validates and s.settings.num_sanity_val_steps and at_edge:
        sanity_check(s, s.evaluation)
    if s.settings.limit_train_batches == 0:
        return
    data = s.training_data()
    if data.size == 0:
        return
    if from_start:
        data.open(s.state.epoch)
    plan = s.settings.plan(data.size, s.validates)
    if wished and not plan.stops(replace(s.state, stop=True)):  # it waits for min_epochs or min_steps
        s.state.stop = True  # but whoever resumes a run that may have stopped wants it to go on
    if plan.finished(s.state):
        return
    if s.validates and plan.validates_in(s.state.epoch):  # asked for now, as Lightning does, though it is needed later
        s.status.stage = RunningStage.VALIDATING
        s.evaluation.data.ready()
        s.status.stage = RunningStage.TRAINING
    s.run = assemble_run(s.parts(), data, plan, s.optimizers, s.schedulers, s.evaluation)
    s.run.renew_data = s.renew_training_data
    if checkpoint is not None:
        s.run.resume, s.resume, s.run.loading = s.resume, None, s.loading_ends
        with s.loading():
            restore_scaler(checkpoint, s.run, where)
            restore_gradients(checkpoint, s.module, where)
        checkpoint = None  # lets go of what it holds
    if s.module.automatic_optimization:
        fit(s.run)
    else:
        with counted_steps(s.run):
            fit(s.run)


def run_evaluation(s: Session, given: Any) -> list[dict[str, float]]:
    """Validate or test: everything before and after the loop of ``loop.evaluate``."""
    return evaluate(_prepare_evaluation(s, given))


def run_prediction(s: Session, given: Any, keep: bool) -> list[list[Any]]:
    """Predict: everything before and after the loop of ``loop.predict``."""
    evaluation = _prepare_evaluation(s, given)
    writers = [callback for callback in s.callbacks if isinstance(callback, BasePredictionWriter)]
    s.predictions.notes_samples = bool(writers)
    s.predictions.keeps = keep or any(writer.interval.on_epoch for writer in writers)
    predict(evaluation, s.predictions)
    return s.predictions.outputs


def _prepare_evaluation(s: Session, given: Any) -> Evaluation:
    s.attach()
    check_evaluation(s.fn, s.module, s.datamodule, given)
    s.set_up()
    s.log.clear()
    s.log_hyperparameters()
    s.module.zero_grad()
    no_grad = torch.inference_mode if s.settings.inference_mode else torch.no_grad
    s.evaluation = assemble_evaluation(s.parts(), s.fn, given, no_grad)
    return s.evaluation


def sanity_check(s: Session, validation: Evaluation) -> None:
    """Run some batches of the validation before training, to find its mistakes now; nothing of it is kept."""
    s.status.stage = RunningStage.SANITY_CHECKING
    s.random_before_sanity = random_states()
    with isolate_rng():
        s.hooks.on_sanity_check_start()
        evaluate(replace(validation, stage=RunningStage.SANITY_CHECKING), s.settings.num_sanity_val_steps)
        s.status.stage = RunningStage.SANITY_CHECKING
        s.hooks.on_sanity_check_end()
    s.random_before_sanity = None
    s.log.clear()
    s.status.stage = RunningStage.TRAINING
