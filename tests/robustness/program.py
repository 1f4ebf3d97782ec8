"""A small deterministic training that saves often, and what must be true of its directory whenever it was stopped."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tests.callbacks.scripted import Scripted, files, train

from leyden import Trainer
from leyden.callbacks import ModelCheckpoint
from leyden.callbacks.checkpoint_journal import saves_so_far
from leyden.checkpoint.load import load

SCORES = [3, 1, 2, 1, 0.5, 9]
EPOCHS = 6
TOLD = "told.json"
STRANGERS = ("precious.ckpt", ".0123456789abcdef.leyden-tmp.bak", "notes.txt")
WAYS: dict[str, dict[str, Any]] = {
    "two best and last": {"monitor": "val", "save_top_k": 2, "save_last": True},
    "best and a link": {"monitor": "val", "save_top_k": 1, "save_last": "link"},
    "newest and last": {"save_last": True},
    "all and last": {"monitor": "val", "save_top_k": -1, "save_last": True},
    "last alone": {"save_top_k": 0, "save_last": True},
    "two best": {"monitor": "val", "save_top_k": 2},
    "weights of the best": {"monitor": "val", "save_top_k": 1, "save_weights_only": True},
}


def run(
    root: Path,
    way: str,
    ckpt_path: str | None = None,
    scores: Sequence[float] = SCORES,
    epochs: int = EPOCHS,
    **how: Any,
) -> Trainer:
    """Train from the start, or go on."""
    saver = ModelCheckpoint(dirpath=root / "ckpts", **WAYS[way])
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the directory is not empty
        return train(root, Scripted(scores), saver, size=2, max_epochs=epochs, ckpt_path=ckpt_path, **how)


def lay_out(root: Path) -> None:
    """Make the directory, with files of somebody else in it."""
    (root / "ckpts").mkdir(parents=True)
    for name in STRANGERS:
        (root / "ckpts" / name).write_text("precious")


def checkpoints(root: Path) -> list[str]:
    """What there is in the directory, temporary files left out, and what somebody else put there."""
    there = [name for name in files(root / "ckpts") if not name.endswith(".leyden-tmp")]
    for name in STRANGERS:
        assert (root / "ckpts" / name).read_text() == "precious", f"{name}, a file of somebody else, is not what it was"
    return [name for name in there if name not in STRANGERS]


def saved(root: Path) -> tuple[int, int]:
    """The newest save of all checkpoints, and that of the last; 0 where there is none. Every one is read whole."""
    counts = {}
    for name in checkpoints(root):
        path = root / "ckpts" / name.partition(" -> ")[0]
        load(path)
        counts[path.name] = saves_so_far(path)
    return max(counts.values(), default=0), counts.get("last.ckpt", 0)


def newest(root: Path) -> str | None:
    """The checkpoint of the latest save."""
    paths = [root / "ckpts" / name for name in checkpoints(root)]
    resumable = [path for path in paths if saves_so_far(path)]
    return str(max(resumable, key=saves_so_far)) if resumable else None


def temporary(root: Path) -> list[str]:
    """Temporary files, of a writer that is at work or has died."""
    return [name for name in files(root / "ckpts") if name.endswith(".leyden-tmp")]


def tell(root: Path, trainer: Trainer) -> None:
    """Write down how a run ended."""
    saver = trainer.checkpoint_callback
    assert isinstance(saver, ModelCheckpoint)
    told = {
        "files": checkpoints(root),
        "temporary": temporary(root),
        "best": Path(saver.best_model_path).name,
        "last": Path(saver.last_model_path).name,
        "scores": {Path(path).name: float(score) for path, score in saver.best_k_models.items()},
        "weights": [value.tolist() for value in trainer.model.state_dict().values()],
    }
    (root / TOLD).write_text(json.dumps(told))
