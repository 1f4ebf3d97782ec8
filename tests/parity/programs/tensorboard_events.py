"""What TensorBoardLogger writes in a run: tags, steps, values, hyperparameters, directories."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from tests.loggers.events import hyperparameters, summaries
from tests.parity import toolkit as kit

DIFFERS = {
    "*.told": {
        "reason": "the placeholder is not written again by test(), where it would hide the hp_metric of the run",
        "lines": r"hp_metric step=0 -1\.0$",
    },
    "*.hyperparameters": "the same hyperparameters are told to TensorBoard once",
}


PLACES = ("name", "version", "save_dir", "root_dir", "log_dir", "sub_dir")


def told(folder: Path) -> list[str]:
    """The summaries of all files, without those of hyperparameters, which are read on their own."""
    return sorted(f"{name} step={step} {value!r}" for name, step, value in summaries(folder) if "_hparams_" not in name)


def program(L: Any, out: Path) -> dict[str, Any]:
    class Logging(kit.module_class(L)):
        def __init__(self, lr: float = 0.1, name: str = "net", layers: int | None = None) -> None:
            super().__init__(lr)
            self.save_hyperparameters()

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = self.loss(batch)
            self.log("loss", loss, on_step=True, on_epoch=True)
            self.log_dict({"group/a": 1.0, "group/b": float(batch_idx)})
            return loss

        def on_train_epoch_end(self) -> None:
            self.logger.experiment.add_text("note", "an epoch", self.current_epoch)
            self.logger.log_metrics({"direct": {"x": 1, "y": torch.tensor(2.5)}}, step=self.global_step)

    cases: dict[str, dict[str, Any]] = {
        "plain": {},
        "prefix": {"prefix": "run"},
        "places": {"name": "digits", "version": "first", "sub_dir": "tb"},
        "no placeholder": {"default_hp_metric": False},
        "no name": {"name": None, "version": 7},
    }
    result: dict[str, Any] = {}
    for name, arguments in cases.items():
        folder = out / name.replace(" ", "_")
        logger = L.loggers.TensorBoardLogger(folder, **arguments)
        module = Logging()
        settings = {"max_epochs": 2, "log_every_n_steps": 3, "enable_checkpointing": True}
        trainer = kit.trainer(L, folder, logger=logger, **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        places = {key: getattr(logger, key) for key in PLACES}
        files = sorted({re.sub(r"tfevents\..*", "tfevents", file) for file in kit.files(folder)})
        told_by_fit = {"told by fit": told(folder), "hyperparameters of fit": hyperparameters(folder)}
        trainer.test(module, kit.val_loader(), verbose=False)
        more = {"told": told(folder), "hyperparameters": hyperparameters(folder), "files": files} | told_by_fit | places
        hparams = next(folder.rglob("hparams.yaml")).read_text()
        result[name] = kit.summary(trainer, module, shown=logger.hparams, hparams=sorted(hparams.split()), **more)
    return result
