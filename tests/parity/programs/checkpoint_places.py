"""Where a checkpoint goes without a dirpath, with and without a logger, and what the trainer calls best and last."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for name in ("no logger", "csv", "csv, again", "two"):
        torch.manual_seed(1)
        folder = out / name.split(",")[0].replace(" ", "_")
        loggers = {"no logger": False, "csv": L.loggers.CSVLogger(folder), "csv, again": L.loggers.CSVLogger(folder)}
        loggers["two"] = [L.loggers.CSVLogger(folder, name="one"), L.loggers.CSVLogger(folder, name="", version="x")]
        trainer = kit.trainer(L, folder, max_epochs=2, logger=loggers[name], enable_checkpointing=True)
        module = kit.module_class(L)()
        trainer.fit(module, kit.loader(), kit.val_loader())
        result[name] = {"files": kit.files(folder), "log_dir": trainer.log_dir, "counters": kit.counters(trainer)}
        result[name]["best"] = trainer.checkpoint_callback.best_model_path
        result[name]["callbacks"] = [type(callback).__name__ for callback in trainer.callbacks]
        for which in ("best", "last"):
            again = partial(trainer.validate, dataloaders=kit.val_loader(), ckpt_path=which, verbose=False)
            result[name][which + " again"] = kit.attempt(again)
    return result
