"""The main job, one function a stage: train, resume, check, tamper, draw."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from leyden.api.callback import Callback
from leyden.callbacks.model_checkpoint import ModelCheckpoint
from leyden.demo import curves, digits
from leyden.demo.network import DigitsNet
from leyden.errors import DigestError
from leyden.loggers.csv import CSVLogger
from leyden.runtime.seed import seed_everything
from leyden.security.paths import replacing
from leyden.trainer import Trainer

BATCH = 32
STEPS = 45  # an epoch: 1,437 digits in batches of 32
PANELS = (
    curves.Panel(
        "Loss",
        (
            curves.Line("train/loss_step", "", curves.TRAINING, faint=True),
            curves.Line("train/loss_epoch", "training", curves.TRAINING),
            curves.Line("val/loss", "validation", curves.VALIDATION),
        ),
        log=True,
    ),
    curves.Panel(
        "Accuracy",
        (
            curves.Line("train/accuracy", "training", curves.TRAINING),
            curves.Line("val/accuracy", "validation", curves.VALIDATION),
        ),
        percent=True,
        best="val/accuracy",
    ),
)


@dataclass(frozen=True)
class Trained:
    """What a run left behind."""

    weights: dict[str, Tensor]
    best: Path  # the checkpoint with the highest validation accuracy
    accuracy: float
    middle: Path  # the checkpoint that was written while an epoch was under way
    metrics: Path
    seconds: float


class SaveInTheMiddle(Callback):
    """Saves one checkpoint after a given number of optimizer steps, wherever in an epoch that is."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


def middle_step(epochs: int) -> int:
    """The middle of the middle epoch."""
    return epochs // 2 * STEPS + STEPS // 2


def train(folder: Path, *, epochs: int, seed: int, resume: Path | None = None, quiet: bool = False) -> Trained:
    """Train in ``folder``, from the beginning or from a checkpoint.

    On one thread of the processor: that gives the same bits on every machine of its kind, and the network is so small
    that more threads, or a faster device, would mostly wait.
    """
    seed_everything(seed, verbose=False)
    training, validation = digits.load()
    keep_best = ModelCheckpoint(dirpath=folder / "checkpoints", filename="best", monitor="val/accuracy", mode="max")
    save_middle = SaveInTheMiddle(folder / "middle.ckpt", step=middle_step(epochs))
    logger = CSVLogger(save_dir=folder, name="", version="")
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        log_every_n_steps=5,
        logger=logger,
        callbacks=[keep_best, save_middle],
        default_root_dir=folder,
        enable_progress_bar=not quiet,
        enable_model_summary=not quiet and resume is None,
    )
    model = DigitsNet()
    start = time.perf_counter()
    with one_thread():
        trainer.fit(
            model,
            DataLoader(training, batch_size=BATCH, shuffle=True),
            DataLoader(validation, batch_size=len(validation)),
            ckpt_path=resume,
        )
    return Trained(
        weights={name: weight.detach().clone() for name, weight in model.state_dict().items()},
        best=Path(keep_best.best_model_path),
        accuracy=float(keep_best.best_model_score or 0.0),
        middle=save_middle.path,
        metrics=folder / "metrics.csv",
        seconds=time.perf_counter() - start,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two models have the same weights, bit for bit."""
    return fingerprint(one) == fingerprint(other)


def fingerprint(weights: dict[str, Tensor]) -> str:
    """SHA-256 over the names and the bytes of all weights."""
    digest = hashlib.sha256()
    for name, weight in sorted(weights.items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        digest.update(bytes(weight.contiguous().view(torch.uint8).flatten().tolist()))
    return digest.hexdigest()


def tamper(checkpoint: Path, copy: Path) -> str | None:
    """Change one bit in a copy of a checkpoint and load it: the words of the refusal, or None if there was none."""
    content = bytearray(checkpoint.read_bytes())
    first = 8 + int.from_bytes(content[:8], "little")  # where the header ends and the first weight begins
    content[first] ^= 1
    with replacing(copy) as file:
        file.write(content)
    try:
        DigitsNet.load_from_checkpoint(copy)
    except DigestError as refusal:
        return str(refusal)
    return None


def picture(trained: Trained, path: Path, *, epochs: int) -> Path:
    """Write the learning curves of a run."""
    parameters = sum(weight.numel() for weight in trained.weights.values())
    drawing = curves.draw(
        curves.read(trained.metrics),
        PANELS,
        title="Handwritten digits",
        subtitle=f"A convolutional network of {parameters:,} parameters, trained by leyden demo",
        mark=(middle_step(epochs), "resumed from here"),
    )
    with replacing(path) as file:
        file.write(drawing.encode())
    return path
