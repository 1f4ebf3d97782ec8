"""When rows reach a logger and with which step, under accumulation, and with a metric named step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    cases = {"windows": {"accumulate_grad_batches": 3}, "plain": {}, "sparse": {"log_every_n_steps": 5}}
    for name, special in cases.items():
        recorder = kit.Recorder(L)

        class Stepping(kit.module_class(L)):
            def training_step(self, batch: Any, batch_idx: int) -> Any:
                loss = self.loss(batch)
                self.log("loss", loss, on_step=True, on_epoch=True)
                return loss

            def on_validation_epoch_end(self) -> None:
                self.log("step", 100.0 * self.current_epoch)
                self.log("val_end", 1.0)

        module = recorder.watch(Stepping, "M")()
        settings = {"max_epochs": 2, "log_every_n_steps": 2, "val_check_interval": 4, "logger": recorder.logger()}
        trainer = kit.trainer(L, out, callbacks=[recorder.callback()], **(settings | special))
        trainer.fit(module, kit.loader(), kit.val_loader())
        result[name] = kit.summary(trainer, module, recorder)
    return result
