"""The same small program for each framework: a model so small that only the loop counts."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Framework:
    """The names that a program takes from a framework."""

    name: str
    Module: Any
    Callback: Any
    Trainer: Any
    CSVLogger: Any
    TQDMProgressBar: Any


@dataclass(frozen=True)
class Case:
    """One way to run the program; the fields are what is added to the bare loop."""

    name: str
    logs: int = 0
    idle_callbacks: int = 0
    bar: bool = False
    csv_every: int | None = None


NO_LOGGING = Case("no logging")
ONE_LOG = Case("one self.log", logs=1)
TEN_LOGS = Case("ten self.log", logs=10)
CASES = (
    NO_LOGGING,
    Case("ten idle callbacks", idle_callbacks=10),
    ONE_LOG,
    TEN_LOGS,
    Case("one self.log, progress bar", logs=1, bar=True),
    Case("one self.log, CSV every 50", logs=1, csv_every=50),
    Case("one self.log, CSV every step", logs=1, csv_every=1),
)


class Batches:
    """In-memory batches; ``at`` says what to call before the batch of a number."""

    def __init__(self, steps: int, at: dict[int, Callable[[], None]]) -> None:
        generator = torch.Generator().manual_seed(0)
        self.batches = [
            (torch.randn(4, 4, generator=generator), torch.randn(4, 1, generator=generator)) for _ in range(8)
        ]
        self.steps = steps
        self.at = at

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        batches, at = self.batches, self.at
        for number in range(self.steps):
            if number in at:
                at[number]()
            yield batches[number % 8]


class Terminal(io.StringIO):
    """Takes what a terminal would show."""

    def isatty(self) -> bool:
        return True


def run_plain(batches: Batches) -> None:
    """The loop that a user would write by hand."""
    torch.manual_seed(0)
    layer = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-3)
    for x, y in batches:
        loss = F.mse_loss(layer(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def module_of(framework: Framework, logs: int, bar: bool) -> Any:
    """The program's module, which logs ``logs`` values in each step."""

    class Line(framework.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 1)

        def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
            x, y = batch
            return F.mse_loss(self.layer(x), y)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=1e-3)

    names = [f"loss_{number}" for number in range(logs)]

    class LoggingLine(Line):
        def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
            loss = super().training_step(batch, batch_idx)
            for name in names:
                self.log(name, loss, prog_bar=bar)
            return loss

    torch.manual_seed(0)
    return LoggingLine() if logs else Line()


def run_case(framework: Framework, case: Case, directory: str, batches: Batches) -> Any:
    """Train the program once; returns its module."""
    module = module_of(framework, case.logs, case.bar)
    callbacks = [type("Idle", (framework.Callback,), {})() for _ in range(case.idle_callbacks)]
    for number, callback in enumerate(callbacks):
        type(callback).state_key = f"idle_{number}"
    if case.bar:
        callbacks.append(framework.TQDMProgressBar())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = framework.Trainer(
            max_epochs=1,
            accelerator="cpu",
            devices=1,
            callbacks=callbacks,
            logger=False if case.csv_every is None else framework.CSVLogger(directory),
            log_every_n_steps=case.csv_every or 50,
            enable_checkpointing=False,
            enable_progress_bar=case.bar,
            enable_model_summary=False,
        )
        trainer.fit(module, batches)
    return module


def leyden() -> Framework:
    """Leyden, from this checkout."""
    from leyden import Trainer
    from leyden.api.callback import Callback
    from leyden.api.module import Module
    from leyden.callbacks.tqdm_progress import TQDMProgressBar
    from leyden.loggers.csv import CSVLogger

    return Framework("leyden", Module, Callback, Trainer, CSVLogger, TQDMProgressBar)


def lightning() -> Framework:
    """pytorch-lightning, as it is installed, with its notices turned off."""
    import logging

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    from pytorch_lightning import Callback, LightningModule, Trainer
    from pytorch_lightning.callbacks import TQDMProgressBar
    from pytorch_lightning.loggers import CSVLogger

    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.ERROR)
    return Framework("lightning", LightningModule, Callback, Trainer, CSVLogger, TQDMProgressBar)
