"""Runs that each framework began and Lightning continues: Leyden's checkpoint is written for Lightning in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning
import torch
from tests.parity import toolkit as kit


def module_of(framework: Any) -> type:
    class Trained(kit.module_class(framework)):
        def __init__(self, lr: float = 0.1, sizes: tuple[int, ...] = (1, 2)) -> None:
            super().__init__(lr)
            self.save_hyperparameters()

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(self.parameters(), lr=self.lr)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)]

    return Trained


def callbacks_of(framework: Any, out: Path) -> list[Any]:
    kinds = framework.callbacks
    return [
        kinds.EarlyStopping("val_loss", patience=50),
        kinds.ModelCheckpoint(dirpath=out / "kept", monitor="val_loss", save_top_k=2),
    ]


def program(L: Any, out: Path) -> dict[str, Any]:
    torch.manual_seed(5)
    trainer = kit.trainer(L, out, max_epochs=2, callbacks=callbacks_of(L, out), enable_checkpointing=True)
    trainer.fit(module_of(L)(), kit.loader(), kit.val_loader())
    path = out / "begun.ckpt"
    trainer.save_checkpoint(path)
    if L is not pytorch_lightning:
        from leyden.cli.main import main

        assert main(["convert", "--to", "lightning", str(path), str(out / "written.ckpt")]) == 0
        path = out / "written.ckpt"
    found = torch.load(path, weights_only=True)
    again = module_of(pytorch_lightning).load_from_checkpoint(path, lr=0.2)
    torch.manual_seed(6)
    stopping, keeping = callbacks_of(pytorch_lightning, out)
    more = {"max_epochs": 4, "enable_checkpointing": True}
    trainer = kit.trainer(pytorch_lightning, out, callbacks=[stopping, keeping], **more)
    module = module_of(pytorch_lightning)()
    trainer.fit(module, kit.loader(), kit.val_loader(), ckpt_path=path)
    return {
        "holds": sorted(found),
        "hyperparameters": found["hyper_parameters"],
        "built again": {"lr": again.hparams.lr, "sizes": again.hparams.sizes, "weights": again.state_dict()},
        "weights": module.state_dict(),
        "step": trainer.global_step,
        "epoch": trainer.current_epoch,
        "best": stopping.best_score,
        "kept": keeping.best_model_score,
    }
