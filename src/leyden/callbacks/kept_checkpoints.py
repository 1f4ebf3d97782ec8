"""Which checkpoints are kept, under which names, and which are deleted. When they are saved is another matter."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, final

import torch
import yaml
from torch import Tensor

from leyden.callbacks import topk
from leyden.callbacks.checkpoint import Checkpoint
from leyden.callbacks.checkpoint_files import CheckpointFiles
from leyden.callbacks.checkpoint_journal import Journal, first_of_a_run, inside
from leyden.callbacks.checkpoint_names import last_names, render
from leyden.callbacks.checkpoint_settings import check_what, check_where, default_directory
from leyden.callbacks.checkpoint_state import Standing
from leyden.callbacks.monitored import check_mode
from leyden.checkpoint.background import Ticket
from leyden.checkpoint.remote_files import uploading
from leyden.errors import TakenError
from leyden.runtime.rank_zero import rank_zero_info
from leyden.security.paths import replacing
from leyden.security.remote import Place, Remote, place_of

if TYPE_CHECKING:
    from leyden.trainer import Trainer


@final
@dataclass
class Unsettled:
    """A checkpoint that is being written in the background, and what is to be done once it is there."""

    ticket: Ticket
    path: str
    before: tuple[Standing, int, Journal]  # how things were, should it not come to that
    replaced: list[str] = field(default_factory=list)
    actions: list[Callable[[], None]] = field(default_factory=list)


class KeptCheckpoints(Checkpoint):
    """Base of ModelCheckpoint: saves a checkpoint when told to, keeps the best k and the last, and deletes the others.

    Subclasses decide when. A file is only ever deleted if this run wrote it, or the run that it goes on from.
    """

    CHECKPOINT_JOIN_CHAR = "-"
    CHECKPOINT_EQUALS_CHAR = "="
    CHECKPOINT_NAME_LAST = "last"
    FILE_EXTENSION = ".ckpt"
    STARTING_VERSION = 1

    best_k_models: dict[str, Tensor]
    """The best checkpoints and their scores, if a metric ranks them."""
    best_model_path: str
    """The best checkpoint; the latest, if no metric ranks them."""
    best_model_score: Tensor | None
    current_score: Tensor | None
    """The score of the newest of the best."""
    kth_best_model_path: str
    """The checkpoint that leaves next."""
    kth_value: Tensor
    last_model_path: str

    def __init__(
        self,
        *,
        dirpath: str | os.PathLike[str] | None,
        filename: str | None,
        monitor: str | None,
        verbose: bool,
        save_last: bool | Literal["link"] | None,
        save_top_k: int,
        save_weights_only: bool,
        mode: str,
        auto_insert_metric_name: bool,
        enable_version_counter: bool,
    ) -> None:
        super().__init__()
        check_what(monitor, save_top_k, save_last)
        self.dirpath = check_where(dirpath, filename)
        self.filename = filename
        self.monitor = monitor
        self.verbose = verbose
        self.save_last = save_last
        self.save_top_k = int(save_top_k)
        self.save_weights_only = save_weights_only
        self.mode = check_mode(mode)
        self.auto_insert_metric_name = auto_insert_metric_name
        self.enable_version_counter = enable_version_counter
        self._saved_step = 0  # the optimizer step of the newest checkpoint
        self._last_checkpoint_saved = ""
        self._opened: CheckpointFiles | None = None
        self._journal = Journal()
        self._nonce = ""  # tells this run from others that went on from the same checkpoint
        self._unsettled: deque[Unsettled] = deque()
        self._replaced: list[str] = []  # to be deleted once the last checkpoint no longer links to it
        self._redone: dict[int, str] = {}  # by step: checkpoints of a run that died, which this one makes once more
        self._stand(Standing.empty(torch.tensor(topk.worst_possible(self.mode))))
        self._before = self._standing(), 0, self._journal

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        """Would a checkpoint with this score be kept?"""
        return current is not None and topk.admits(self.best_k_models, self.save_top_k, current, self.mode)

    def _save_topk_checkpoint(self, trainer: Trainer, monitor_candidates: dict[str, Tensor]) -> None:
        """Save if this checkpoint is among those to keep. What ranks them has to be among the metrics."""
        if self.save_top_k == 0:
            return
        if self.monitor is None:
            self._save_newest(trainer, monitor_candidates)
            return
        current = monitor_candidates[self.monitor]
        if self._redone_now(trainer) or self.check_monitor_top_k(trainer, current):
            self._update_best_and_save(current, trainer, monitor_candidates)
        elif self.verbose:
            place = f"not among the best {self.save_top_k}"
            rank_zero_info(f"Step {trainer.global_step}: {self.monitor} = {current:.5f}, {place}.")

    def _update_best_and_save(self, current: Tensor, trainer: Trainer, monitor_candidates: dict[str, Tensor]) -> None:
        """Save a checkpoint that is among the best and delete the one that no longer is. Subclasses may override it."""
        leaving = self._redone_now(trainer) or topk.leaving(self.best_k_models, self.save_top_k, self.mode)
        # Copied, since whoever logged it may go on counting in it. NaN is kept while there is nothing better.
        score = torch.tensor(topk.worst_possible(self.mode)) if current.isnan() else current.detach().clone()

        def enter(path: str) -> None:
            self._stand(self._standing().entered(path, score, leaving, self.save_top_k, self.mode))
            self._write(trainer, path, leaving)

        path = self._under_a_free_name(trainer, monitor_candidates, None, leaving, enter)
        self._redone.pop(trainer.global_step, None)
        if self.verbose:
            best = f"best {self.best_model_score:.5f}"
            rank_zero_info(f"Step {trainer.global_step}: {self.monitor} = {current:.5f} ({best}), saved as {path}.")
        self._remove_replaced(trainer, leaving, path)

    def _save_newest(self, trainer: Trainer, metrics: dict[str, Tensor]) -> None:
        previous = self.best_model_path

        def enter(path: str) -> None:
            self.best_model_path = path
            self._write(trainer, path, previous if self.save_top_k == 1 else None)

        self._under_a_free_name(trainer, metrics, None, previous, enter)
        if self.save_top_k == 1:
            self._remove_replaced(trainer, previous, self.best_model_path)

    def _save_beside_the_best(self, trainer: Trainer, metrics: dict[str, Tensor]) -> None:
        self._under_a_free_name(trainer, metrics, None, None, lambda path: self._write(trainer, path, None))

    def _save_last_checkpoint(self, trainer: Trainer, monitor_candidates: dict[str, Tensor]) -> None:
        """Write or link the last checkpoint, if it is wanted."""
        if not self.save_last:
            return
        previous = self.last_model_path

        def enter(path: str) -> None:
            self.last_model_path = path
            linked = self.save_last == "link" and self._files.has_links
            if linked and self._last_checkpoint_saved and self.save_top_k != 0:
                files, target = self._files, self._last_checkpoint_saved
                self._once_written(partial(self._link, trainer, files.name(path), files.name(target)))
                self._journal = self._journal.ends(complete=True)
            else:
                self._write(trainer, path, previous, last=True)

        self._under_a_free_name(trainer, monitor_candidates, self.CHECKPOINT_NAME_LAST, previous, enter)
        self._remove_replaced(trainer, previous, self.last_model_path)
        replaced, self._replaced = self._replaced, []
        for path in replaced:
            self._remove_once_written(trainer, path)

    def _under_a_free_name(
        self,
        trainer: Trainer,
        metrics: dict[str, Tensor],
        template: str | None,
        replaced: str | None,
        enter: Callable[[str], None],
    ) -> str:
        """Save under a free name, or in the place of ``replaced``; returns the path that it became."""
        while True:
            path = self._free_path(trainer, metrics, template, replaced)
            try:
                with self._undone_on_error():
                    enter(path)
            except TakenError as error:
                name = self._files.name(path)
                if error.path.parent.resolve() / error.path.name != self._files.place(name):
                    raise  # of one before it, in the background
                self._files.release([name])  # a program that reserves no names was faster
            else:
                return path

    def _link(self, trainer: Trainer, name: str, target: str) -> None:
        self._files.link(name, target)
        trainer.checkpoint_writer.store.linked(self._files.place(name), self._files.place(target))

    def _write(self, trainer: Trainer, path: str, replaced: str | None, last: bool = False) -> None:
        files, name = self._files, self._files.name(path)
        files.prepare(name)
        # All of this before the file is made, which has to say so.
        self._saved_step = trainer.global_step
        leaving = [files.name(replaced)] if replaced and replaced != path else []
        self._journal = self._journal.begins(name, leaving, self._nonce, goes_on=last)
        newest = trainer.checkpoint_writer.newest
        self._save_checkpoint(trainer, path)
        self._journal = self._journal.ends(complete=last or not self.save_last)
        ticket = trainer.checkpoint_writer.newest
        if ticket is not None and ticket is not newest:
            self._unsettled.append(Unsettled(ticket, path, self._before))
        files.claim(name)
        self._last_checkpoint_saved = path
        self._once_written(partial(self._after_save, trainer, path))

    def _after_save(self, trainer: Trainer, path: str) -> None:
        if all(one.path != path for one in self._unsettled):  # else it is about to be another
            self._files.claim_written(self._files.name(path))
        if trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.after_save_checkpoint(self)

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        """Write one file. Subclasses may override it to write something else there."""
        trainer.save_checkpoint(filepath, self.save_weights_only)

    def _remove_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        """Delete one file of this run's own. Subclasses that wrote something else there may override it."""
        self._files.remove(self._files.name(filepath))

    def _remove_replaced(self, trainer: Trainer, previous: str | None, current: str) -> None:
        if not previous or previous == current:
            return
        if self.save_last == "link" and current != self.last_model_path:
            self._replaced.append(previous)
        else:
            self._remove_once_written(trainer, previous)

    def _remove_once_written(self, trainer: Trainer, path: str) -> None:
        if self._unsettled:
            self._unsettled[-1].replaced.append(self._files.name(path))
        self._once_written(partial(self._remove_own, trainer, path))

    def _remove_own(self, trainer: Trainer, path: str) -> None:
        if self._files.owns(self._files.name(path)):
            self._remove_checkpoint(trainer, path)

    def _once_written(self, action: Callable[[], None]) -> None:
        """Do something when every checkpoint so far is written, which is now unless that happens in the background."""
        if self._unsettled:
            self._unsettled[-1].actions.append(action)
        else:
            action()

    def _settle(self) -> None:
        """Do what waited for checkpoints that are written by now, and forget those that could not be."""
        while self._unsettled and self._unsettled[0].ticket.settled:
            one = self._unsettled[0]
            if not one.ticket.written:
                standing, self._saved_step, self._journal = one.before
                self._stand(standing)
                self._unsettled.clear()
                self._replaced = []
                break
            self._unsettled.popleft()
            for action in one.actions:
                action()
        self._release()

    def _release(self) -> None:
        """Give back the names of what is not being written."""
        if not self._unsettled:
            self._files.release()

    def _still_there(self) -> list[str]:
        """The names of checkpoints that were replaced, and will be deleted when the new ones are written."""
        return [name for one in self._unsettled for name in one.replaced]

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        """A checkpoint that could not be written leaves nothing behind that says it was."""
        before = self._before = self._standing(), self._saved_step, self._journal
        try:
            yield
        except BaseException:
            standing, self._saved_step, self._journal = before
            self._stand(standing)
            raise

    def _redone_now(self, trainer: Trainer) -> str | None:
        """The checkpoint of this very step that a run which died has left, if it is still among the best."""
        path = self._redone.get(trainer.global_step)
        return path if path in self.best_k_models else None

    def file_exists(self, filepath: str | os.PathLike[str], trainer: Trainer) -> bool:
        """Is there anything under this name, be it a link that leads nowhere?"""
        return self._files.exists(self._files.name(os.fspath(filepath)))

    def format_checkpoint_name(
        self, metrics: Mapping[str, Any], filename: str | None = None, ver: int | None = None, prefix: str | None = None
    ) -> str:
        """The path of a checkpoint with these metrics.

        Args:
            metrics: values for the fields of the name; what is missing counts as 0.
            filename: the name's format, in place of the callback's own.
            ver: a version to append.
            prefix: text to put before the name.

        Raises:
            SettingsError: a format does not fit its value.
            PathError: the name leads out of the directory.
        """
        join = self.CHECKPOINT_JOIN_CHAR
        template = filename or self.filename or f"{{epoch}}{join}{{step}}"
        name = render(template, metrics, self.CHECKPOINT_EQUALS_CHAR if self.auto_insert_metric_name else None)
        parts = [prefix, name, None if ver is None else f"v{ver}"]
        return self._files.path(join.join(part for part in parts if part is not None) + self.FILE_EXTENSION)

    def _free_path(
        self, trainer: Trainer, metrics: dict[str, Tensor], filename: str | None, replaced: str | None
    ) -> str:
        """A path that is unused, and reserved until it is; or that of the checkpoint to be replaced, if it is still it.

        Without the version counter it is the same every time, whatever there is.
        """
        path = self.format_checkpoint_name(metrics, filename)
        if replaced and self.enable_version_counter and not self._files.owns(self._files.name(replaced)):
            replaced = None
        version = self.STARTING_VERSION
        while self.enable_version_counter and path != replaced and not self._takes(trainer, path):
            path = self.format_checkpoint_name(metrics, filename, ver=version)
            version += 1
        return path

    def _takes(self, trainer: Trainer, path: str) -> bool:
        """Is this path free, and from now on this run's?"""
        in_flight = any(one.path == path for one in self._unsettled)
        return not in_flight and not self.file_exists(path, trainer) and self._files.reserve(self._files.name(path))

    def _find_last_checkpoints(self, trainer: Trainer) -> set[str]:
        return self.last_checkpoints(trainer)

    def last_checkpoints(self, trainer: Trainer) -> set[str]:
        """Paths of all last checkpoints in the directory, whoever wrote them."""
        files = self._files_for(trainer)
        names = last_names(self.CHECKPOINT_NAME_LAST, self.CHECKPOINT_JOIN_CHAR, self.FILE_EXTENSION)
        return {files.path(name) for name in files.names(self.FILE_EXTENSION) if names.fullmatch(name)}

    def first_checkpoint(self, trainer: Trainer) -> str:
        """The first checkpoint of a run that died before it could write its last; "" if that is not how things are."""
        files = self._files_for(trainer)
        return first_of_a_run(files.root, self._all_in(files), self.state_key) if self.save_last else ""

    def _all_in(self, files: CheckpointFiles) -> list[Place]:
        """All checkpoints in a directory, whoever wrote them."""
        return [inside(files.root, name) for name in files.names(self.FILE_EXTENSION)]

    def _files_for(self, trainer: Trainer) -> CheckpointFiles:
        """The files of the next run, which may not have set the directory yet."""
        return self._files if self.dirpath is not None else CheckpointFiles(default_directory(trainer))

    def to_yaml(self, filepath: str | os.PathLike[str] | None = None) -> None:
        """Write the best checkpoints and their scores to a YAML file, by default beside them."""
        path = place_of(filepath) if filepath is not None else inside(self._files.root, "best_k_models.yaml")
        scores = {name: score.item() for name, score in self.best_k_models.items()}
        with uploading(path) if isinstance(path, Remote) else replacing(path) as file:
            file.write(yaml.safe_dump(scores).encode())

    @property
    def _files(self) -> CheckpointFiles:
        """The files in ``dirpath``, which may have been set since."""
        if self._opened is None or self._opened.dirpath != (self.dirpath or ""):
            self._opened = CheckpointFiles(self.dirpath or "")
        return self._opened

    def _standing(self) -> Standing:
        return Standing(*(getattr(self, name) for name in Standing._fields))

    def _stand(self, standing: Standing) -> None:
        for name, value in standing._asdict().items():
            setattr(self, name, value)
