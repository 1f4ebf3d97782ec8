"""The logger that a trainer has by default: which it is, where it writes, and what it leaves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    class Kept(kit.module_class(L)):
        def __init__(self, lr: float = 0.1) -> None:
            super().__init__(lr)
            self.save_hyperparameters()

    result: dict[str, Any] = {}
    for name, logger in (("left out", None), ("asked for", True), ("again", True)):
        module = Kept()
        settings = {"logger": logger, "max_epochs": 1, "log_every_n_steps": 2, "enable_checkpointing": True}
        trainer = kit.trainer(L, out / "runs", **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        trainer.test(module, kit.val_loader(), verbose=False)
        found = {"kind": type(trainer.logger).__name__, "log_dir": trainer.log_dir, "version": trainer.logger.version}
        found |= {"name": trainer.logger.name, "save_dir": trainer.logger.save_dir, "loggers": len(trainer.loggers)}
        names = [re.sub(r"tfevents\..*", "tfevents", file) for file in kit.files(out / "runs")]
        hparams = [file.read_text() for file in (out / "runs").rglob("hparams.yaml")]
        result[name] = kit.summary(trainer, module, files=sorted(set(names)), hparams=hparams) | found
    none = kit.trainer(L, out, logger=False)
    result["none"] = [none.logger, none.loggers, none.log_dir]
    short = kit.trainer(L, out, logger=True, fast_dev_run=True)
    result["short"] = [type(short.logger).__name__, len(short.loggers)]
    return result
