"""OnExceptionCheckpoint: save where a run stands when an exception ends it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from leyden.callbacks.checkpoint import Checkpoint
from leyden.callbacks.checkpoint_files import CheckpointFiles
from leyden.callbacks.checkpoint_settings import check_where
from leyden.callbacks.sound_weights import are_sound
from leyden.errors import CheckpointError, PathError, RemoteError, SettingsError

if TYPE_CHECKING:
    from leyden.api.module import Module
    from leyden.trainer import Trainer


class OnExceptionCheckpoint(Checkpoint):
    """Save a checkpoint when an exception or an interrupt ends a run, from which training goes on where it stopped.

    Args:
        dirpath: directory of the checkpoint.
        filename: its name, to which ``.ckpt`` is added; a file of that name is replaced.

    Raises:
        SettingsError: the directory is no local path, or the name is empty or leads out of it.
    """

    FILE_EXTENSION = ".ckpt"

    def __init__(self, dirpath: str | os.PathLike[str], filename: str = "on_exception") -> None:
        if not filename:
            raise SettingsError(f"filename={filename!r} is no name. Leave it out, and the file is on_exception.ckpt.")
        directory = check_where(dirpath, filename)
        if directory is None:
            raise SettingsError("dirpath=None, but OnExceptionCheckpoint has no place of its own. Give it a directory.")
        self.dirpath = directory
        self.filename = filename

    @property
    def ckpt_path(self) -> str:
        """Where the checkpoint goes."""
        return CheckpointFiles(self.dirpath).path(self.filename + self.FILE_EXTENSION)

    def on_exception(self, trainer: Trainer, pl_module: Module, exception: BaseException) -> None:
        if isinstance(exception, (CheckpointError, PathError, RemoteError)) or trainer.state.unloaded:
            return  # what could not be saved or read a moment ago cannot be now
        if not are_sound(pl_module):
            return
        files, name = CheckpointFiles(self.dirpath), self.filename + self.FILE_EXTENSION
        files.prepare(name)
        trainer.save_checkpoint(str(files.place(name)))
