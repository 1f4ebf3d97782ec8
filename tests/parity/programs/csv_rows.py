"""What CSVLogger writes: rows, steps, epochs, hyperparameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for interval in (1, 2, 3, 50):
        folder = out / str(interval)

        class Logging(kit.module_class(L)):
            def __init__(self, lr: float = 0.1, name: str = "x") -> None:
                super().__init__(lr)
                self.save_hyperparameters()

            def training_step(self, batch: Any, batch_idx: int) -> Any:
                loss = self.loss(batch)
                self.log("loss", loss, on_step=True, on_epoch=True)
                return loss

            def on_train_epoch_end(self) -> None:
                self.log("closing", self.current_epoch)

        module = Logging(0.05)
        logger = L.loggers.CSVLogger(folder, name="logs")
        settings = {"max_epochs": 2, "log_every_n_steps": interval, "logger": logger, "val_check_interval": 0.5}
        trainer = kit.trainer(L, folder, **settings)
        trainer.fit(module, kit.loader(), kit.val_loader())
        trainer.test(module, kit.val_loader(), verbose=False)
        written = kit.rows(Path(logger.log_dir) / "metrics.csv")
        result[str(interval)] = kit.summary(trainer, module, rows=written, files=kit.files(folder))
        result[str(interval)]["log_dir"] = trainer.log_dir
        result[str(interval)]["hparams"] = (Path(logger.log_dir) / "hparams.yaml").read_text()
    return result
