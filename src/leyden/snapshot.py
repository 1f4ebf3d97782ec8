"""The checkpoint dictionary of a run: how it is made, and how a run takes it back."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from leyden._version import LIGHTNING_VERSION
from leyden.api.callback import Callback
from leyden.api.datamodule import DataModule
from leyden.api.hparams import hyperparameters_for_checkpoint
from leyden.api.module import Module
from leyden.api.restore import fill_weights, unrestored
from leyden.checkpoint.like import check_optimizer, check_scheduler
from leyden.core.metric_state import check_metrics, dump_metrics, metrics_in
from leyden.core.metrics import Log
from leyden.core.own_generators import check_generators, dump_generators
from leyden.core.state import FORMAT, State
from leyden.core.turns import is_rest
from leyden.core.warnings import warn
from leyden.data.position import Position, Skipped, Standing
from leyden.errors import FormatError, MismatchError, TrustError
from leyden.loop.optimizers import SchedulerConfig
from leyden.loop.progress import loops_of
from leyden.loop.run import Resume, Run, standing
from leyden.runtime.seed import check_random_states, random_states
from leyden.security.redact import certain

_WEIGHTS = frozenset({"state_dict", "optimizer_states"})
SCALER = "MixedPrecision"  # Lightning's key for the state of the loss scaler


def model_part(state: State, module: Module, hook: str | None) -> dict[str, Any]:
    """What every checkpoint has, one of weights alone too, under Lightning's keys."""
    return {
        "epoch": state.epoch,
        "global_step": state.step,
        "pytorch-lightning_version": LIGHTNING_VERSION,
        "state_dict": module.state_dict(),
        "loops": loops_of(state, hook),
    }


def callback_part(callbacks: Sequence[Callback]) -> dict[str, Any]:
    return {"callbacks": {callback.state_key: state for callback in callbacks if (state := callback.state_dict())}}


def training_part(
    optimizers: Sequence[Optimizer], schedulers: Sequence[SchedulerConfig], scaler: GradScaler | None, own: object
) -> dict[str, Any]:
    """What a run needs to go on, and weights alone do not have; ``own`` is Leyden's part of it."""
    return {
        "optimizer_states": [optimizer.state_dict() for optimizer in optimizers],
        "lr_schedulers": [config.scheduler.state_dict() for config in schedulers],
        **({SCALER: scaler.state_dict()} if scaler is not None else {}),
        "leyden": own,
    }


def in_training(run: Run, module: Module) -> dict[str, Any]:
    """Leyden's part of a checkpoint that is made while a run trains, or after it."""
    # a run that is resumed inside a validation repeats it, so it needs what was there before
    before = run.before_validation if run.state.at == "validate" else None
    return {
        "format": FORMAT,
        "state": run.state.state_dict(),
        "random": random_states() if before is None else before.random,
        "data": run.data.state_dict(),
        "log": run.log.state_dict(metrics_in(module)) if before is None else before.log,
        "validation_rows": list(run.validation.rows if before is None else before.rows),
        "metrics": dump_metrics(module) if before is None else before.metrics,
        "generators": dump_generators(module) if before is None else before.generators,
        "evaluated": run.log.evaluated(metrics_in(module)) if before is None else [],
        "validation": standing(run.validation) if before is None else before.loaders,
        "rest": None if run.log.rest is None or before is not None else run.log.rest.state_dict(),
        "gradients": gradients_of_window(run, module),
    }


def before_training(state: State, log: Log, module: Module, random: Mapping[str, Any] | None) -> dict[str, Any]:
    """The same of one that is made before a run trains.

    Args:
        state: where the run begins.
        log: of which nothing is needed.
        module: whose own random generators go on where they are.
        random: the random states that training will begin with; None: those of this moment.
    """
    return {
        "format": FORMAT,
        "state": state.state_dict(),
        "random": random_states() if random is None else random,
        "data": None,
        "log": log.state_dict(),
        "validation_rows": [],
        "metrics": {},
        "generators": dump_generators(module),
        "evaluated": [],
        "validation": None,
        "rest": None,
        "gradients": {},
    }


def passed_on(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint says of the training, for another that is made before a run has taken it up."""
    return {name: checkpoint[name] for name in _PASSED_ON if name in checkpoint}


def show_loader_states(checkpoint: dict[str, Any]) -> None:
    """Put the states of loaders that have one where Lightning has them, too."""
    position = checkpoint["leyden"]["data"] if "leyden" in checkpoint else None
    loaders = position["loaders"] if position is not None else []
    if states := [loader["state"] for loader in loaders if loader["state"] is not None]:
        checkpoint["loops"]["fit_loop"]["state_dict"]["combined_loader"] = states


def gradients_of_window(run: Run, module: Module) -> dict[str, Tensor]:
    """The gradients of an accumulation window that is still open, by parameter; none at the edge of a window.

    A module that optimizes manually has windows of its own, so all that there are may be needed.
    """
    state = run.state
    over = state.last and state.at != "batch"  # else it is the batch that has just begun which is the last
    edge = over or state.at in ("epoch_start", "epoch_end") or run.plan.opens_window(state.batch)
    if edge and module.automatic_optimization:
        return {}
    return {name: weight.grad for name, weight in module.named_parameters() if weight.grad is not None}


def hyperparameter_part(module: Module, datamodule: DataModule | None) -> dict[str, Any]:
    """The arguments by which module and data module can be built again, and the data module's own state."""
    part = hyperparameters_for_checkpoint(module)
    if datamodule is not None:
        part.update(hyperparameters_for_checkpoint(datamodule, prefix="datamodule_"))
        if state := datamodule.state_dict():
            part[type(datamodule).__qualname__] = state
    return part


def hide_secrets(checkpoint: dict[str, Any]) -> None:
    """Take out what callbacks and hooks have put in and is a secret beyond doubt: checkpoints are shared."""
    hidden = []
    for name, value in checkpoint.items():
        if name not in _WEIGHTS and (kept := certain(value)) is not value:
            checkpoint[name] = kept
            hidden.append(name)
    if hidden:
        warn(
            f"The entries {', '.join(map(repr, hidden))} of a checkpoint hold secrets, which stand there as [secret]. "
            "Keep them out of state_dict() and on_save_checkpoint(), and bring them again when a run is resumed."
        )


def restore_weights(checkpoint: dict[str, Any], module: Module, where: str, keep: bool = True) -> None:
    """Fill the module from a checkpoint; its own hook may change the checkpoint before.

    Args:
        checkpoint: the checkpoint.
        module: what is filled.
        where: names the checkpoint in messages.
        keep: does nobody else put the weights back after an error?

    Raises:
        MismatchError: the weights are those of another model; the module is as it was.
    """
    module.on_load_checkpoint(checkpoint)
    weights = checkpoint.get("state_dict")
    if not isinstance(weights, Mapping):
        raise FormatError(
            f"{where} has no weights under the key 'state_dict', so it is not a checkpoint of a module. Check the path."
        )
    fill_weights(module, weights, module.strict_loading, where, keep)


def has_state_for(datamodule: DataModule | None, checkpoint: Mapping[str, Any]) -> bool:
    return datamodule is not None and checkpoint.get(type(datamodule).__qualname__) is not None


def restore_datamodule(checkpoint: dict[str, Any], datamodule: DataModule | None) -> None:
    if datamodule is not None and (state := checkpoint.get(type(datamodule).__qualname__)) is not None:
        datamodule.load_state_dict(state)


def _saved_callbacks(checkpoint: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    saved = checkpoint.get("callbacks", {})
    if not isinstance(saved, Mapping):
        raise FormatError(f"{where} is malformed: its 'callbacks' are no dictionary. Resume from another checkpoint.")
    return saved


def callback_states(checkpoint: dict[str, Any], callbacks: Sequence[Callback], where: str) -> dict[str, Any]:
    """The saved state of each callback, by its key; one that nobody asks for is reported."""
    saved = _saved_callbacks(checkpoint, where)
    states = {callback.state_key: state for callback in callbacks if (state := _state_of(callback, saved)) is not None}
    known = {key for callback in callbacks for key in (callback.state_key, type(callback).__qualname__)}
    lost = [key for key in saved if key not in known]
    if lost:
        warn(
            f"{where} has the state of callbacks that this trainer does not have: {', '.join(map(str, lost))}. "
            "Add them to Trainer(callbacks=...) to go on as before."
        )
    return states


def _state_of(callback: Callback, saved: Mapping[str, Any]) -> Any:
    """The state of a callback, which Lightning before 1.5 kept under its class alone."""
    return saved.get(callback.state_key, saved.get(type(callback).__qualname__))


def restore_callbacks(checkpoint: dict[str, Any], callbacks: Sequence[Callback], where: str) -> None:
    """Give the callbacks their saved states.

    Raises:
        FormatError: a callback finds its state malformed.
        TrustError: the state of one has an object, and the file is not known to be the user's.
    """
    states = callback_states(checkpoint, callbacks, where)
    for callback in callbacks:
        if (state := states.get(callback.state_key)) is not None:
            if (lost := unrestored(state)) is not None:
                raise TrustError(
                    f"{where}: the state of {callback.state_key} has an object ({lost.name}), and it is not known that "
                    "this file is yours, so nothing was made of it. Leave the callback out, or load the weights alone "
                    "with load_from_checkpoint()."
                )
            try:
                callback.load_state_dict(state)
            except FormatError as error:
                raise FormatError(f"{where} is malformed: {error} Resume from another checkpoint.") from None


def saved_state(checkpoint: Mapping[str, Any], where: str) -> State:
    """The position of the run that a checkpoint was made in.

    Raises:
        MismatchError: the checkpoint has weights alone.
        FormatError: what it says about the position is malformed.
    """
    own = _training_state(checkpoint, where)
    try:
        return State.from_state_dict(own["state"])
    except FormatError as error:
        raise FormatError(f"{where} is malformed: {error}. Resume from another checkpoint.") from None


def restore_optimizers(
    checkpoint: Mapping[str, Any], optimizers: Sequence[Optimizer], schedulers: Sequence[SchedulerConfig], where: str
) -> None:
    """Give optimizers and schedulers their saved states.

    Raises:
        MismatchError: the checkpoint has weights alone, or was made with others.
        FormatError: the states are malformed. All are as they were then.
    """
    training = _training_state(checkpoint, where)
    states, saved = (_saved_list(checkpoint, name, where) for name in ("optimizer_states", "lr_schedulers"))
    if not states and training["data"] is None:  # made before they were configured
        return
    for what, found, own in (("optimizers", states, optimizers), ("learning-rate schedulers", saved, schedulers)):
        if len(found) != len(own):
            raise MismatchError(
                f"{where} has the states of {len(found)} {what}, and this run has {len(own)}. {_AS_BEFORE}"
            )
    owners = [*optimizers, *(config.scheduler for config in schedulers)]
    for optimizer, state in zip(optimizers, states, strict=True):
        check_optimizer(state, optimizer, where)
    for config, state in zip(schedulers, saved, strict=True):
        check_scheduler(state, config.scheduler, where)
    before = [copy.deepcopy(owner.state_dict()) for owner in owners]
    for owner, state, own in zip(owners, (*states, *saved), before, strict=True):
        try:
            owner.load_state_dict(state)
            if isinstance(owner, Optimizer):
                _check_settings(owner, own)
        except BaseException as error:  # it takes its state in its own way
            for changed, previous in zip(owners, before, strict=True):
                changed.load_state_dict(previous)
            if isinstance(error, _REFUSALS):
                raise MismatchError(
                    f"{where} has a state that {type(owner).__name__} refuses: {error}. {_AS_BEFORE}"
                ) from error
            raise


def _check_settings(optimizer: Optimizer, own: Mapping[str, Any]) -> None:
    """LookupError where a setting is missing that torch did not fill in, as it does for states of its old versions."""
    for group, before in zip(optimizer.param_groups, own["param_groups"], strict=True):
        if lacks := sorted(before.keys() - group.keys()):
            raise LookupError(f"its settings lack {', '.join(lacks)}")


def check_before_filling(checkpoint: Mapping[str, Any], module: Module, where: str) -> State:
    """Find all that no run can go on from and that can be found before anything is changed.

    Returns:
        The position of the run.

    Raises:
        CheckpointError: a part is malformed, or belongs to another model.
    """
    position = saved_state(checkpoint, where)
    resume_of(checkpoint, module, where)
    _saved_callbacks(checkpoint, where)
    _scaler_state(checkpoint, where)
    for name in ("optimizer_states", "lr_schedulers"):
        _saved_list(checkpoint, name, where)
    return position


def take_out_of_file(checkpoint: dict[str, Any]) -> None:
    """Give the states of optimizers memory of their own, before anybody looks at them.

    Optimizers keep the tensors that they are given. As pages of the file these are aligned to no more than their
    elements, on which the products of vectors depend in their last bit.
    """
    checkpoint["optimizer_states"] = copy.deepcopy(checkpoint["optimizer_states"])


def restore_scaler(checkpoint: Mapping[str, Any], run: Run, where: str) -> None:
    if run.scaler is not None and (state := _scaler_state(checkpoint, where)):
        run.scaler.load_state_dict(state)


def _scaler_state(checkpoint: Mapping[str, Any], where: str) -> dict[str, Any] | None:
    """The state of the loss scaler, where the checkpoint has one that was in use."""
    match checkpoint.get(SCALER):
        case None:
            return None
        case Mapping() as empty if not empty:
            return None
        case {
            "scale": float(),
            "growth_factor": float(),
            "backoff_factor": float(),
            "growth_interval": int(),
            "_growth_tracker": int(),
        } as state:
            return dict(state)
        case _:
            raise FormatError(
                f"{where} is malformed: the state of its loss scaler ({SCALER!r}) is not what a GradScaler keeps. "
                "Resume from another checkpoint."
            )


def restore_gradients(checkpoint: Mapping[str, Any], module: Module, where: str) -> None:
    """Give the parameters the gradients of the window in which the checkpoint was made."""
    parameters = dict(module.named_parameters())
    for name, gradient in _gradients(checkpoint, module, where).items():
        parameters[name].grad = gradient.to(parameters[name].device, copy=True)


def _gradients(checkpoint: Mapping[str, Any], module: Module, where: str) -> Mapping[str, Tensor]:
    """The gradients in a checkpoint, found to be those of this model's parameters."""
    parameters = dict(module.named_parameters())
    saved = checkpoint["leyden"].get("gradients")
    if not isinstance(saved, Mapping):
        raise FormatError(
            f"{where} is malformed: its training state lacks gradients, or they are no dictionary. Resume from another "
            "checkpoint."
        )
    for name, gradient in saved.items():
        own = parameters.get(name)
        if (
            own is None
            or not isinstance(gradient, Tensor)
            or gradient.shape != own.shape
            or gradient.dtype != own.dtype
        ):
            raise MismatchError(
                f"{where} has a gradient for {name!r} that fits no parameter of this model. "
                "Resume with the model and the precision that the run was started with."
            )
    return saved


def resume_of(checkpoint: Mapping[str, Any], module: Module, where: str) -> Resume:
    """What the checkpoint says about the data, the metrics and the random numbers, read and found to be well formed.

    Raises:
        MismatchError: the checkpoint has weights alone.
        FormatError: a part is malformed.
    """
    own = _training_state(checkpoint, where)
    rows, data = own["validation_rows"], own["data"]
    try:
        if not isinstance(rows, list) or not all(type(row) is int and row >= 0 for row in rows):
            raise FormatError("its numbers of validation rows are not a list of counts")
        if own["random"] is not None:
            check_random_states(own["random"])
        Log().load_state_dict(own["log"], metrics_in(module))
        check_metrics(own["metrics"], module)
        check_generators(own["generators"])
        evaluated = own["evaluated"]
        if not isinstance(evaluated, list) or not all(isinstance(name, str) for name in evaluated):
            raise FormatError("its metric objects of a validation are not a list of names")
        if not is_rest(own["rest"]):
            raise FormatError("who is still to be called in a hook is not said by names")
        if data is not None and Skipped.read(data) is None:
            Position.read(data)
        validation = Standing.read(own["validation"])
    except FormatError as error:
        raise FormatError(f"{where} is malformed: {error}") from None
    except MismatchError as error:
        raise MismatchError(f"{where} was made with another model: {error}") from None
    _gradients(checkpoint, module, where)
    return Resume(
        random=own["random"],
        data=data,
        log=own["log"],
        validation_rows=rows,
        metrics=own["metrics"],
        generators=own["generators"],
        evaluated=evaluated,
        validation=validation,
        rest=own["rest"],
        saved=passed_on(checkpoint),
    )


_REFUSALS = (ValueError, TypeError, LookupError, AttributeError, RuntimeError)
_AS_BEFORE = "Resume with the configure_optimizers() that the run was started with."
_PASSED_ON = ("epoch", "global_step", "loops", "optimizer_states", "lr_schedulers", SCALER, "leyden")
_TRAINING_STATE = {
    *("state", "random", "data", "log", "validation_rows", "metrics", "generators", "evaluated", "validation", "rest"),
}


def _training_state(checkpoint: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """What a checkpoint says about the run beside the states of optimizers and callbacks."""
    own = checkpoint.get("leyden")
    if own is None:
        raise MismatchError(
            f"{where} has weights and no training state, so a run cannot go on from it. Load the weights with "
            "load_from_checkpoint(), or save with save_weights_only=False to resume."
        )
    if not isinstance(own, Mapping):
        raise FormatError(f"{where} is malformed: its 'leyden' is no dictionary. Resume from another checkpoint.")
    if type(own.get("format")) is not int or own["format"] != FORMAT:
        raise MismatchError(
            f"{where} has a training state of format {own.get('format')!r}, and this version of Leyden reads format "
            f"{FORMAT}. Resume with the version that wrote it."
        )
    if lacks := sorted(_TRAINING_STATE - own.keys()):
        raise FormatError(
            f"{where} is malformed: its training state lacks {', '.join(lacks)}. Resume from another checkpoint."
        )
    return own


def _saved_list(checkpoint: Mapping[str, Any], name: str, where: str) -> list[Any]:
    saved = checkpoint.get(name)
    if not isinstance(saved, list) or not all(isinstance(state, Mapping) for state in saved):
        raise FormatError(f"{where} is malformed: its {name!r} are no list of states. Resume from another checkpoint.")
    return saved
