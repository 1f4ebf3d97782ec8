"""A bigger run: dropout, batch norm, shuffling, windows, clipping, schedulers, stopping, checkpoints, rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from tests.parity import toolkit as kit

DIFFERS = {"stopped": "an evaluation from a checkpoint does not set callbacks back to what they were at its save"}


def program(L: Any, out: Path) -> dict[str, Any]:
    L.seed_everything(5)

    class Net(kit.module_class(L)):
        def __init__(self, width: int = 8, dropout: float = 0.2) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net = torch.nn.Sequential(
                torch.nn.Linear(3, width),
                torch.nn.BatchNorm1d(width),
                torch.nn.ReLU(),
                torch.nn.Dropout(dropout),
                torch.nn.Linear(width, 1),
            )

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = self.loss(batch)
            self.log("train/loss", loss, prog_bar=True, on_step=True, on_epoch=True)
            return {"loss": loss, "size": len(batch[0])}

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val/loss", self.loss(batch), prog_bar=True)

        def configure_optimizers(self) -> Any:
            decayed = [p for p in self.parameters() if p.ndim > 1]
            others = [p for p in self.parameters() if p.ndim <= 1]
            groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0, "lr": 0.02}]
            optimizer = torch.optim.AdamW(groups, lr=0.05)
            warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 5))
            flat = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
            return [optimizer], [{"scheduler": warm, "interval": "step"}, {"scheduler": flat, "monitor": "val/loss"}]

    recorder = kit.Recorder(L)
    module = recorder.watch(Net, "M")()
    logger = L.loggers.CSVLogger(out, name="logs")
    saving = L.callbacks.ModelCheckpoint(
        monitor="val/loss", save_top_k=2, filename="{epoch}-{val/loss:.3f}", save_last=True
    )
    stopping = L.callbacks.EarlyStopping("val/loss", patience=3)
    settings = {"max_epochs": 12, "accumulate_grad_batches": 2, "gradient_clip_val": 1.0, "log_every_n_steps": 3}
    settings |= {"callbacks": [stopping, saving, recorder.callback()], "logger": logger, "val_check_interval": 0.5}
    trainer = kit.trainer(L, out, enable_checkpointing=True, **settings)
    train = kit.loader(61, 8, shuffle=True, drop_last=True)
    trainer.fit(module, train, kit.loader(24, 8, seed=11))
    tested = trainer.test(module, kit.loader(24, 8, seed=12), ckpt_path="best", verbose=False)
    rows = kit.rows(Path(logger.log_dir) / "metrics.csv")
    more = {"tested": tested, "rows": rows, "files": kit.files(out), "best": saving.best_model_path}
    more["hparams"] = yaml.safe_load((Path(logger.log_dir) / "hparams.yaml").read_text())
    return kit.summary(trainer, module, recorder, stopped=stopping.stopped_epoch, score=saving.best_model_score, **more)
