"""What ModelCheckpoint knows of the checkpoints that it has saved, and how that travels inside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from leyden.callbacks import topk
from leyden.callbacks.checkpoint_files import CheckpointFiles
from leyden.callbacks.saved_state import SavedState
from leyden.errors import PathError
from leyden.security.remote import Place, Remote


class Standing(NamedTuple):
    """The checkpoints saved so far and their scores, by path."""

    best_model_score: Tensor | None
    best_model_path: str
    current_score: Tensor | None
    best_k_models: dict[str, Tensor]
    kth_best_model_path: str
    kth_value: Tensor
    last_model_path: str

    @classmethod
    def empty(cls, none: Tensor) -> Standing:
        """Nothing saved yet; ``none`` is worse than every score."""
        return cls(None, "", None, {}, "", none, "")

    def entered(self, path: str, score: Tensor, leaving: str | None, k: int, mode: topk.Mode) -> Standing:
        """The standing with one more among the best k, and without the one that is leaving."""
        scores = {name: other for name, other in self.best_k_models.items() if name != leaving} | {path: score}
        best, kth = topk.best(scores, mode), topk.worst(scores, mode)
        after = self._replace(
            best_k_models=scores, best_model_path=best, best_model_score=scores[best], current_score=score
        )
        return after if k > len(scores) else after._replace(kth_best_model_path=kth, kth_value=scores[kth])

    def moved(self, place: Callable[[str], str]) -> Standing:
        """The standing with other paths; those that become empty are left out."""

        def to(path: str) -> str:
            return path and place(path)

        best = to(self.best_model_path)
        return self._replace(
            best_model_path=best,
            best_model_score=self.best_model_score if best else None,
            best_k_models={new: score for path, score in self.best_k_models.items() if (new := to(path))},
            kth_best_model_path=to(self.kth_best_model_path),
            last_model_path=to(self.last_model_path),
        )


def read_standing(saved: SavedState, none: Tensor) -> Standing:
    """The standing that a file gives; its paths are not checked yet.

    Raises:
        FormatError: a value is missing or of the wrong kind.
    """
    return Standing(
        best_model_score=saved.optional_number("best_model_score"),
        best_model_path=saved.text("best_model_path"),
        current_score=saved.optional_number("current_score"),
        best_k_models=saved.numbers("best_k_models"),
        kth_best_model_path=saved.text("kth_best_model_path", ""),
        kth_value=saved.number("kth_value", none),
        last_model_path=saved.text("last_model_path", ""),
    )


def claim(
    standing: Standing,
    files: CheckpointFiles,
    directory: str | None,
    base: Place | None,
    resumed: Place | None,
    extension: str,
    digests: Mapping[str, str],
) -> tuple[Standing, list[str]] | None:
    """Take over the checkpoints of a saved standing that lie where this run's own do, and may then be deleted by it.

    Args:
        standing: as it was read.
        files: this run's files, which the others join.
        directory: where the file says that its checkpoints are.
        base: what ``directory`` is relative to, and then all paths are relative to ``directory``. None in a file of
            Lightning's, whose paths begin with the directory.
        resumed: the checkpoint from which the run goes on; its directory may have been moved as a whole.
        extension: what names of checkpoints end with.
        digests: of the files, by name, as far as the file knows them.

    Returns:
        The standing with the paths of this run, and those that lie elsewhere and were left out; None if this run's
        directory is another.
    """
    here = directory is not None and is_same(files.root, directory, base)
    if not here and (resumed is None or files.name_of(resumed) is None):
        return None
    prefix = "" if base is not None or directory is None else os.path.join(directory, "")  # noqa: PTH118
    left: list[str] = []

    def taken(path: str) -> str:
        name = path.removeprefix(prefix)
        if not belongs(name, files, extension):
            left.append(path)
            return ""
        files.claim(name, digests.get(name))
        return files.path(name)

    return standing.moved(taken), left


def directory_in_state(root: Place, base: Place) -> str:
    """How a checkpoint names the directory that it lies in: relative to the trainer's, or as an address."""
    match root, base:
        case Path(), Path():
            return os.path.relpath(root.resolve(), base)
        case Remote(), Remote() if (name := base.name_of(root)) is not None:
            return name
        case _:
            return str(root)


def is_same(root: Place, directory: str, base: Place | None) -> bool:
    """Is this the directory that a checkpoint names? It is compared, and never followed."""
    if isinstance(root, Remote):
        inside = f"{base}/{directory}" if isinstance(base, Remote) else None
        return str(root) in (directory, inside)
    folder = base if isinstance(base, Path) else Path()
    return "://" not in directory and (folder / directory).resolve() == root.resolve()


def belongs(name: str, files: CheckpointFiles, extension: str) -> bool:
    """Could it be the name of a checkpoint beneath the directory?"""
    try:
        files.place(name)
    except PathError:
        return False
    return name.endswith(extension)
