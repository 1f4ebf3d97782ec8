"""on_step and on_epoch together: the names that loggers, callbacks and the bar see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L, facts=False, metrics=True)

    class Forking(kit.module_class(L)):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            loss = self.loss(batch)
            self.log("both", loss, on_step=True, on_epoch=True, prog_bar=True)
            self.log("step", loss, on_step=True, on_epoch=False, logger=False, prog_bar=True)
            self.log("epoch", loss, on_step=False, on_epoch=True)
            self.log("unlogged", loss, on_step=True, on_epoch=True, logger=False)
            return loss

        def validation_step(self, batch: Any, batch_idx: int) -> Any:
            loss = self.loss(batch)
            self.log("val_both", loss, on_step=True, on_epoch=True, prog_bar=True)
            self.log("val_step", loss, on_step=True, on_epoch=False)
            self.log("val_bar", loss, prog_bar=True, logger=False)

    module = recorder.watch(Forking, "M")()
    settings = {"max_epochs": 2, "log_every_n_steps": 2, "logger": recorder.logger()}
    trainer = kit.trainer(L, out, callbacks=[recorder.callback()], **settings)
    trainer.fit(module, kit.loader(5), kit.val_loader())
    return kit.summary(trainer, module, recorder, validated=trainer.validate(module, kit.val_loader(), verbose=False))
