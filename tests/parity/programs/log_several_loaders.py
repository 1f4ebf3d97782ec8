"""Two loaders to evaluate on: suffixes, rows and what each entry of the answer holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

DIFFERS = {
    "in the sanity check.trace": {
        "lines": "sanity_check|on_train_start",
        "reason": "Lightning shows no metrics of several loaders there, since none of them is run to its end",
    },
}


def program(L: Any, out: Path) -> dict[str, Any]:
    return {"in the sanity check": run(L, out, 2), "without": run(L, out, 0)}


def run(L: Any, out: Path, sanity: int) -> dict[str, Any]:
    recorder = kit.Recorder(L, metrics=True)

    class Several(kit.module_class(L)):
        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int) -> Any:
            loss = self.loss(batch)
            self.log("loss", loss, on_step=True, on_epoch=True)
            self.log(f"own_{dataloader_idx}", loss, add_dataloader_idx=False)
            self.log("plain", loss, prog_bar=True)
            if dataloader_idx == 1:
                self.log("second", loss)

        def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int) -> None:
            self.log("loss", self.loss(batch))

        def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int) -> Any:
            return dataloader_idx, self(batch[0])

        def on_validation_epoch_end(self) -> None:
            self.log("end", 1.0)

    module = recorder.watch(Several, "M")()
    settings = {"max_epochs": 1, "num_sanity_val_steps": sanity, "log_every_n_steps": 2, "logger": recorder.logger()}
    trainer = kit.trainer(L, out, callbacks=[recorder.callback()], **settings)
    loaders = [kit.val_loader(), kit.val_loader(3)]
    trainer.fit(module, kit.loader(5), loaders)
    result = kit.summary(trainer, module)
    result["validated"] = trainer.validate(module, loaders, verbose=False)
    result["validated by name"] = trainer.validate(module, {"a": loaders[0], "b": loaders[1]}, verbose=False)
    result["tested"] = trainer.test(module, loaders, verbose=False)
    result["predicted"] = trainer.predict(module, loaders)
    return result | {"trace": recorder.trace, "batches": trainer.num_predict_batches}
