"""ModelCheckpoint: save the best checkpoints, the last one, or all."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from leyden.callbacks.checkpoint_journal import (
    Journal,
    descendants,
    digest_of,
    inside,
    read_journal,
    saves_so_far,
    was_written_by,
)
from leyden.callbacks.checkpoint_settings import check_when, default_directory
from leyden.callbacks.checkpoint_state import belongs, claim, directory_in_state, read_standing
from leyden.callbacks.checkpoint_timing import Timing
from leyden.callbacks.kept_checkpoints import KeptCheckpoints
from leyden.callbacks.monitored import not_logged
from leyden.callbacks.saved_state import SavedState
from leyden.callbacks.sound_weights import are_sound
from leyden.core.warnings import warn
from leyden.errors import CheckpointError, MonitorError, PathError, RemoteError
from leyden.security.remote import Place, place_of

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.trainer import Trainer


class ModelCheckpoint(KeptCheckpoints):
    """Save checkpoints while training, and keep the best of them.

    A checkpoint waits for the validation that is due at the same batch, so that its own score ranks it. A file is only
    ever deleted if this run wrote it, or the run that it goes on from.

    Args:
        dirpath: directory of the checkpoints, here or in a store (``s3://bucket/run``, see ``leyden.allow_remote``); by
            default ``checkpoints`` in the logger's directory, or in ``default_root_dir`` where there is no logger.
        filename: name of a file, with metrics in braces, such as ``{epoch}-{val/loss:.2f}``.
        monitor: the metric that ranks checkpoints; None keeps the latest.
        verbose: log what is saved and why.
        save_last: also keep the latest as ``last.ckpt``: a file of its own (True) or a symbolic link ("link"), which in
            a store is a file of its own as well.
        save_top_k: how many of the best to keep; 0 for none, -1 for all.
        save_on_exception: save when training is ended by an exception.
        save_weights_only: leave out what only resuming needs.
        mode: "min" if less is better, "max" if more is.
        auto_insert_metric_name: write ``epoch=3`` rather than ``3`` for ``{epoch}``.
        every_n_train_steps: save every so many optimizer steps.
        train_time_interval: save whenever so much time has passed.
        every_n_epochs: save every so many epochs; 1 if none of the three is given, 0 for never.
        save_on_train_epoch_end: save at the end of training epochs (True) or of validations (False). By default the
            former where validation ends every epoch or never runs, the latter otherwise.
        enable_version_counter: give a new file a version, ``-v1``, rather than replace one that exists.

    Raises:
        SettingsError: an argument cannot be used, or two exclude each other.
    """

    def __init__(
        self,
        dirpath: str | os.PathLike[str] | None = None,
        filename: str | None = None,
        monitor: str | None = None,
        verbose: bool = False,
        save_last: bool | Literal["link"] | None = None,
        save_top_k: int = 1,
        save_on_exception: bool = False,
        save_weights_only: bool = False,
        mode: str = "min",
        auto_insert_metric_name: bool = True,
        every_n_train_steps: int | None = None,
        train_time_interval: timedelta | None = None,
        every_n_epochs: int | None = None,
        save_on_train_epoch_end: bool | None = None,
        enable_version_counter: bool = True,
    ) -> None:
        super().__init__(
            dirpath=dirpath,
            filename=filename,
            monitor=monitor,
            verbose=verbose,
            save_last=save_last,
            save_top_k=save_top_k,
            save_weights_only=save_weights_only,
            mode=mode,
            auto_insert_metric_name=auto_insert_metric_name,
            enable_version_counter=enable_version_counter,
        )
        check_when(every_n_train_steps, train_time_interval, every_n_epochs)
        self.save_on_exception = save_on_exception
        by_default = 1 if every_n_train_steps is None and train_time_interval is None else 0
        self._timing = Timing(
            steps=int(every_n_train_steps or 0),
            interval=train_time_interval,
            epochs=by_default if every_n_epochs is None else int(every_n_epochs),
            after_training_epoch=save_on_train_epoch_end,
        )
        self._base: Place = Path.cwd()  # the trainer's root, to which dirpath is relative in a file
        self._seen_step: int | None = None  # as it was when the checkpoint was made that this run goes on from
        self._resumed: Place | None = None
        self._named: Place | None = None  # the same, where it is a link
        self._leaving: list[str] = []  # what the run from which this one goes on had replaced, and perhaps not deleted
        self._warned = False
        self._next_last = ""  # the last checkpoint that will stand beside the one being written

    @property
    def state_key(self) -> str:
        return self._generate_state_key(
            monitor=self.monitor,
            mode=self.mode,
            every_n_train_steps=self._timing.steps,
            every_n_epochs=self._timing.epochs,
            train_time_interval=self._timing.interval,
        )

    @property
    def every_n_epochs(self) -> int:
        """Epochs between checkpoints; 0 if steps or time decide."""
        return self._timing.epochs

    def setup(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        if self.dirpath is None:
            self.dirpath = default_directory(trainer)
        root = trainer.settings.default_root_dir
        self._base = root.resolve() if isinstance(root, Path) else root
        self._resumed = self._named = self._seen_step = None
        if stage != "fit":
            return
        self._files.sweep()  # here, since a run that is over already does not start to train
        self._redone, self._leaving, self._nonce = {}, [], secrets.token_hex(8)
        self._timing.awaits_metric = False
        if trainer.global_step < self._saved_step:  # saved by another run of this callback
            self._saved_step = 0
        if trainer.ckpt_path is not None:
            self._resumed, self._named = _twice(place_of(trainer.ckpt_path))
            self._files.keep(self._resumed)

    def on_train_start(self, trainer: Trainer, pl_module: Module) -> None:
        ranked_by = self.monitor if self.save_top_k != 0 else None
        self._timing.start(trainer.global_step, monotonic(), ranked_by, self._seen_step)
        self._last_checkpoint_saved, self._warned = "", False
        self._tidy(trainer)
        fresh = self.save_top_k != 0 and self._resumed is None and not trainer.fast_dev_run
        if fresh and not self._files.is_empty:
            warn(f"The directory of the checkpoints, {self._files.root}, is not empty. What is there stays as it is.")

    def _tidy(self, trainer: Trainer) -> None:
        """Delete what the run that this one goes on from had replaced, if it surely is its own."""
        for name in self._leaving:
            if self._files.owns(name):
                self._remove_checkpoint(trainer, self._files.path(name))
        self._leaving = []
        begun = Journal() if self._resumed is None else self._journal
        # Later than every last checkpoint that is there, so that the one which this run writes is the newest.
        counts = [saves_so_far(place_of(path)) for path in self.last_checkpoints(trainer)]
        self._journal = replace(begun, count=max([self._journal.count, *counts]))

    def on_train_batch_end(self, trainer: Trainer, pl_module: Module, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._timing.by_batch and self._timing.after_batch(trainer, self._saved_step, monotonic()):
            self._save(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: Module) -> None:
        if self._timing.after_validation(trainer, self._saved_step):
            self._save(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Module) -> None:
        if self._timing.after_epoch(trainer, self._saved_step):
            self._save(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: Module) -> None:
        self._settle()
        # None was due, or, where none at all are kept, none was written.
        missing = not self._saved_step if self.save_top_k == 0 and self._timing.by_batch else not self.best_model_path
        if missing and self._timing.at_end(trainer, self._saved_step) and are_sound(pl_module):
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def on_exception(self, trainer: Trainer, pl_module: Module, exception: BaseException) -> None:
        self._settle()
        # What could not be saved a moment ago cannot be saved now.
        hopeless = isinstance(exception, (CheckpointError, PathError, RemoteError)) or trainer.state.unloaded
        due = self.save_on_exception and not hopeless and self._timing.at_end(trainer, self._saved_step)
        if due and are_sound(pl_module):
            metrics = self._monitor_candidates(trainer)
            self._save_beside_the_best(trainer, metrics)
            self._save_last_checkpoint(trainer, metrics)

    def teardown(self, trainer: Trainer, pl_module: Module, stage: str) -> None:
        trainer.checkpoint_writer.finish()
        self._settle()

    def _save(self, trainer: Trainer, module: Module) -> None:
        """Save what is due now, if it is to be kept."""
        self._settle()
        self._timing.awaits_metric = False
        if not are_sound(module):
            return
        metrics = self._monitor_candidates(trainer)
        if self._timing.metric is None or self._timing.metric in metrics:
            # The one that is about to be written may be what the last will link to, so it has to know of it.
            last, name = self.last_model_path, self.CHECKPOINT_NAME_LAST
            self._next_last = self._free_path(trainer, metrics, name, last) if self.save_last else ""
            try:
                self._save_topk_checkpoint(trainer, metrics)
                self._next_last = ""
                kept = self._saved_step == trainer.global_step
                # The last of none at all is saved with every batch that is due, or else when training ends.
                if kept or (self.save_top_k == 0 and self._timing.by_batch):
                    self._save_last_checkpoint(trainer, metrics)
            finally:
                self._next_last = ""
                self._release()
            return
        message = not_logged("ModelCheckpoint", self._timing.metric, metrics)
        if self._timing.validated:
            raise MonitorError(message)
        if not self._warned:
            self._warned = True
            warn(f"{message} No checkpoint is saved until then.")

    def _monitor_candidates(self, trainer: Trainer) -> dict[str, Tensor]:
        """The metrics that can rank checkpoints or be part of their names."""
        metrics = dict(trainer.callback_metrics)
        for name, count in (("epoch", trainer.current_epoch), ("step", trainer.global_step)):
            metrics[name] = metrics[name].int() if name in metrics else torch.tensor(count)
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """Lightning's keys, and what is Leyden's under one of its own. Paths are relative to the files' directory."""
        files, standing = self._files, self._standing()
        if self._next_last:
            standing = standing._replace(last_model_path=self._next_last)
        known = [path for path in (*standing.best_k_models, standing.best_model_path, standing.last_model_path) if path]
        journal = self._journal
        leaving = (*journal.leaving, *self._still_there())
        return {
            "monitor": self.monitor,
            "dirpath": None if self.dirpath is None else directory_in_state(files.root, self._base),
            **standing.moved(files.name)._asdict(),
            "leyden": {
                "saved_step": self._saved_step,
                "seen_step": self._timing.seen_step,
                "awaits_metric": self._timing.awaits_metric,
                **replace(journal, leaving=leaving).state_dict(),
                "digests": files.digests([*map(files.name, known), *leaving]),
            },
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave. Files that are not in this callback's own directory are forgotten.

        Raises:
            FormatError: a value is missing or of the wrong kind.
        """
        saved = SavedState(self.state_key, state_dict)
        ours = saved.part("leyden")
        journal, saved_step = read_journal(ours), ours.count("saved_step", 0)
        awaits_metric = ours.flag("awaits_metric", False)
        seen_step = ours.count("seen_step", 0) if "seen_step" in ours else None
        self._seen_step = seen_step
        if not self._take(saved, journal, self._resumed):
            return
        self._saved_step, self._timing.awaits_metric = saved_step, awaits_metric
        self._journal = journal.resumed()
        if self._resumed_by_last:
            self._take_what_came_after()

    def _take(self, saved: SavedState, journal: Journal, source: Place | None) -> bool:
        """Take over the checkpoints that ``source`` knows, if they are in this callback's own directory."""
        standing, directory = read_standing(saved, self.kth_value), saved.optional_text("dirpath")
        ours = saved.part("leyden")
        digests = ours.texts_by_name("digests")
        if journal.file and source is not None and (digest := digest_of(source)) is not None:
            digests[journal.file] = digest  # which the file itself cannot hold
        base = self._base if "leyden" in saved else None
        claimed = claim(standing, self._files, directory, base, self._resumed, self.FILE_EXTENSION, digests)
        if claimed is None:
            if directory is not None:
                there = base / directory if isinstance(base, Path) else directory
                warn(f"The checkpoints so far are in {there}, not in {self.dirpath}. The ranking begins anew.")
            return False
        standing, left = claimed
        if journal.count and not self._is_there(standing.last_model_path):  # of a save that did not come so far
            standing = standing._replace(last_model_path="")
        self._stand(standing)
        self._leaving = [name for name in journal.leaving if belongs(name, self._files, self.FILE_EXTENSION)]
        for name in self._leaving:
            self._files.claim(name, digests.get(name))
        self._recognise(journal)
        if left:
            warn(f"{self.state_key} was saved with checkpoints outside {self.dirpath}: {left}. They are forgotten.")
        return True

    def _recognise(self, journal: Journal) -> None:
        """Claim the files that are not what ``journal``'s checkpoint knew, since the run wrote them after it."""
        files = self._files
        root = files.root.resolve() if isinstance(files.root, Path) else files.root
        for name in files.replaced():
            target = files.target(name)
            if belongs(target, files, self.FILE_EXTENSION) and was_written_by(root, target, self.state_key, journal):
                files.claim_written(name)

    @property
    def _resumed_by_last(self) -> bool:
        return bool(self.last_model_path) and self._named == _twice(place_of(self.last_model_path))[1]

    def _is_there(self, path: str) -> bool:
        return bool(path) and self._files.exists(self._files.name(path))

    def _take_what_came_after(self) -> None:
        """Take over what a run that died had saved since the last checkpoint, which is what this run goes on from."""
        root = self._files.root
        for found in descendants(root, self._all_in(self._files), self.state_key, self._journal):
            saved = SavedState(self.state_key, found.state)
            last = self.last_model_path
            if self._take(saved, found.journal, inside(root, found.name)):
                self.last_model_path = last
                self._redone[saved.part("leyden").count("saved_step", 0)] = self._files.path(found.name)
                self._journal = replace(self._journal, count=max(self._journal.count, found.journal.count))


def _twice(place: Place) -> tuple[Place, Place]:
    """Where a file is, and the same with the file's own name, where that is a link."""
    return (place.resolve(), place.parent.resolve() / place.name) if isinstance(place, Path) else (place, place)
