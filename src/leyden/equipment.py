"""What a trainer has where the program does not say: loggers, callbacks, and the checkpoint that a word names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from math import inf
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

from leyden.api.callback import Callback
from leyden.callbacks.checkpoint import Checkpoint
from leyden.callbacks.checkpoint_journal import saves_so_far
from leyden.callbacks.gradient_accumulation_scheduler import GradientAccumulationScheduler
from leyden.callbacks.lr_monitor import LearningRateMonitor, check_loggers
from leyden.callbacks.model_checkpoint import ModelCheckpoint
from leyden.callbacks.model_summary import ModelSummary
from leyden.callbacks.progress_bar import ProgressBar
from leyden.callbacks.rich_model_summary import RichModelSummary
from leyden.callbacks.rich_progress import RichProgressBar
from leyden.callbacks.timer import Timer
from leyden.callbacks.tqdm_progress import TQDMProgressBar
from leyden.checkpoint.store import Store
from leyden.core.described import described
from leyden.core.stage import TrainerFn
from leyden.core.warnings import warn
from leyden.errors import SettingsError
from leyden.loggers.csv import CSVLogger
from leyden.loggers.logger import DummyLogger, Logger, LoggerLike
from leyden.loggers.tensorboard import TensorBoardLogger, has_tensorboard
from leyden.security.encryption import Encryption
from leyden.security.manifest import Manifest, manifest
from leyden.security.policy import Policy, check_sealing, resolve
from leyden.security.remote import Place, place_of
from leyden.settings import Settings, flag

if TYPE_CHECKING:
    from leyden.trainer import Trainer


def loggers_for(given: Logger | Iterable[Logger] | bool | None, settings: Settings) -> list[Logger]:
    """The loggers of a run: those given, or one of TensorBoard or CSV in the root directory if none is ruled out."""
    match given:
        case False:
            return []
        case _ if settings.fast_dev_run:
            return [DummyLogger()]
        case None | True:
            # TensorBoard's files grow, and those of a store cannot.
            grows = isinstance(settings.default_root_dir, Path) and has_tensorboard()
            return [(TensorBoardLogger if grows else CSVLogger)(str(settings.default_root_dir))]
        case Logger():
            return [given]
        case _:
            loggers = _listed(given)
    for logger in loggers:
        if isinstance(logger, type) or not isinstance(logger, (Logger, LoggerLike)):
            raise SettingsError(
                f"logger holds {described(logger)}. Use Logger objects, or what has all members of one, True for the "
                "default, or False."
            )
    return loggers


def callbacks_for(
    given: Callback | Sequence[Callback] | None,
    settings: Settings,
    checkpointing: bool | None,
    progress_bar: bool | None,
    model_summary: bool | None,
) -> list[Callback]:
    """The callbacks of a run: those given, the defaults that are not ruled out, and those that save last.

    Raises:
        SettingsError: an argument rules out what the callbacks have, two share a key, or something is no callback.
    """
    checkpointing = None if checkpointing is None else flag("enable_checkpointing", checkpointing)
    progress_bar = None if progress_bar is None else flag("enable_progress_bar", progress_bar)
    model_summary = None if model_summary is None else flag("enable_model_summary", model_summary)
    listed: list[Callback] = [] if given is None else _listed(given)
    for callback in listed:
        if not isinstance(callback, Callback):
            raise SettingsError(f"callbacks holds {described(callback)}. Use objects of subclasses of leyden.Callback.")
    _check_contradiction(listed, Checkpoint, "enable_checkpointing", checkpointing)
    _check_contradiction(listed, ProgressBar, "enable_progress_bar", progress_bar)
    _check_contradiction(listed, ModelSummary, "enable_model_summary", model_summary)
    bars = [callback for callback in listed if isinstance(callback, ProgressBar)]
    if len(bars) > 1:
        names = ", ".join(type(bar).__name__ for bar in bars)
        raise SettingsError(
            f"callbacks has {len(bars)} progress bars ({names}), which would write over each other. Keep one."
        )
    if settings.max_seconds < inf:
        if _has(listed, Timer):
            warn("max_time has no effect, since callbacks has a Timer. Give that one the duration, or leave it out.")
        else:
            listed.append(Timer(timedelta(seconds=settings.max_seconds)))
    if not bars and progress_bar is not False:
        listed.append(TQDMProgressBar())
    if not _has(listed, ModelSummary) and model_summary is not False:
        listed.append(RichModelSummary() if _has(listed, RichProgressBar) else ModelSummary())
    if not _has(listed, Checkpoint) and checkpointing is not False:
        listed.append(ModelCheckpoint())
    listed.sort(key=lambda callback: callback.saves is True)
    _check_keys(listed)
    return listed


def check_together(callbacks: Sequence[Callback], loggers: list[Logger], settings: Settings) -> None:
    """Find callbacks that have no meaning beside the other arguments of the trainer.

    Raises:
        SettingsError: naming both.
    """
    for callback in callbacks:
        match callback:
            case GradientAccumulationScheduler():
                callback.check_alone(settings.accumulate_grad_batches)
            case LearningRateMonitor():
                check_loggers(loggers)
            case _:
                pass


def store_for(
    policy: Policy | str | None,
    encryption: Encryption | None,
    data: Manifest | str | PathLike[str] | None,
    settings: Settings,
) -> Store:
    """How the checkpoints of a trainer are written and read.

    Raises:
        PolicyError: the policy is none, or wants a seal where there is no key.
        SettingsError: the encryption is none, or says only what opens files; the data is no manifest and no path.
    """
    given: object = encryption
    if given is not None and not (isinstance(given, Encryption) and given.encrypts):
        raise SettingsError(
            f"encryption={described(given)} does not say for whom to encrypt. Use leyden.Encryption(to=...) or "
            "leyden.Encryption(passphrase=leyden.Secret(...))."
        )
    resolved = resolve(policy)
    check_sealing(resolved)
    configuration = hashlib.sha256(repr(settings).encode()).hexdigest()
    return Store(resolved, encryption, configuration, _manifest_of(data))


def _manifest_of(data: object) -> str | None:
    match data:
        case None:
            return None
        case Manifest():
            return data.digest
        case str() | PathLike():
            return manifest(data).digest
        case _:
            raise SettingsError(
                f"data_manifest is {described(data)}. Use leyden.data.manifest(path), or the path of the data."
            )


def checkpoint_named(ckpt_path: str | Path | None, fn: TrainerFn, own_model: bool, trainer: Trainer) -> Place | None:
    """The file that ``ckpt_path`` means.

    Args:
        ckpt_path: a path, "best" or "last"; None is "best" where the trainer evaluates the model that it has fitted.
        fn: the entry point.
        own_model: was the call given no model, so that the trainer's own is meant?
        trainer: the checkpoints that its callbacks made, or find, are the ones that a word can name.

    Raises:
        SettingsError: no such checkpoint was made, or it is no path to a file.
    """
    if not isinstance(ckpt_path, (str, PathLike, NoneType)):
        raise SettingsError(f"ckpt_path={ckpt_path!r} is no path. Use a str or a pathlib.Path, 'best' or 'last'.")
    savers = [callback for callback in trainer.callbacks if isinstance(callback, ModelCheckpoint)]
    if ckpt_path is None:
        if fn is TrainerFn.FITTING or not own_model or not savers or not savers[0].best_model_path:
            return None
        best = savers[0].best_model_path
        warn(f"{fn}() was given no model, so it takes the best checkpoint of the last fit, {best}.")
        return place_of(best)
    if ckpt_path not in ("best", "last"):
        return place_of(ckpt_path, expand=True)
    paths = [saver.best_model_path for saver in savers] if ckpt_path == "best" else _last_of(savers, trainer)
    made = next((path for path in paths if path), None)
    if made is None and ckpt_path == "last":
        meant = "training starts anew" if fn is TrainerFn.FITTING else f"{fn}() takes the weights that the model has"
        warn(f"ckpt_path='last', but there is no such checkpoint, so {meant}.")
        return None
    if made is None:
        raise SettingsError(
            "ckpt_path='best', but this trainer has made no such checkpoint. Fit with ModelCheckpoint(monitor=...) "
            "among the callbacks first, or give the path of a file."
        )
    return place_of(made)


def _last_of(savers: Sequence[ModelCheckpoint], trainer: Trainer) -> list[str]:
    """The last checkpoint of each saver: what it made itself, or the newest in its directory, of an earlier process."""
    paths = [saver.last_model_path for saver in savers]
    earlier = [path for saver in savers for path in saver.last_checkpoints(trainer)]
    if len(earlier) > 1:
        store = trainer.checkpoint_writer.store
        planted = [path for path in earlier if store.is_planted(place_of(path))]
        if planted and len(planted) < len(earlier):
            warn(f"{planted} are passed over: nothing shows that a run of yours wrote them. Give a path to use one.")
            earlier = [path for path in earlier if path not in planted]
        # Clocks may run backwards, so times decide only where nothing else does; and anybody sets the time of a file.
        order = {path: _age(place_of(path), store) for path in earlier}
        earlier.sort(key=order.__getitem__, reverse=True)
    return [*paths, *earlier, *(saver.first_checkpoint(trainer) for saver in savers)]


def _age(place: Place, store: Store) -> tuple[int, int, int]:
    changed = place.stat().st_mtime_ns if isinstance(place, Path) else 0
    return saves_so_far(place), store.noted(place), changed


def _listed(given: Any) -> list[Any]:
    if isinstance(given, (Callback, Logger)) or not isinstance(given, Iterable):
        return [given]
    return list(given)


def _has(callbacks: Sequence[Callback], kind: type) -> bool:
    return any(isinstance(callback, kind) for callback in callbacks)


def _check_contradiction(callbacks: Sequence[Callback], kind: type, argument: str, enabled: bool | None) -> None:
    if enabled is False and _has(callbacks, kind):
        found: Any = next(type(callback).__name__ for callback in callbacks if isinstance(callback, kind))
        raise SettingsError(f"{argument}=False, but callbacks has a {found}. Drop one of the two.")


def _check_keys(callbacks: Sequence[Callback]) -> None:
    seen: set[str] = set()
    for callback in callbacks:
        key = callback.state_key
        if key in seen and type(callback).state_dict is not Callback.state_dict:
            raise SettingsError(
                f"two callbacks share the state key {key!r}, so a checkpoint could not tell them apart. "
                f"Override state_key in {type(callback).__name__}, for example with an argument's value in it."
            )
        seen.add(key)
