"""Callbacks that read metrics in the middle of an epoch, and save, stop and log by what they find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L, facts=False)

    class Reading(L.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            recorder.note(f"batch {batch_idx} loss {kit.describe(trainer.callback_metrics.get('train_loss'))}")
            self.log("seen", float(batch_idx), on_epoch=True, prog_bar=True)

        def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            recorder.note(f"val_loss {kit.describe(trainer.callback_metrics['val_loss'])}")
            self.log_dict({"twice": 2 * trainer.callback_metrics["val_loss"]})

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            recorder.note(f"epoch {sorted(trainer.callback_metrics)}")
            trainer.should_stop = bool(trainer.callback_metrics["twice"] < 0.5)

    module = kit.module_class(L)()
    saving = L.callbacks.ModelCheckpoint(dirpath=out / "saved", monitor="twice", filename="{twice:.3f}", save_top_k=2)
    settings = {"max_epochs": 8, "callbacks": [Reading(), saving], "logger": recorder.logger(), "log_every_n_steps": 3}
    trainer = kit.trainer(L, out, enable_checkpointing=True, **settings)
    trainer.fit(module, kit.loader(), kit.val_loader())
    return kit.summary(trainer, module, recorder, files=kit.files(out), best=saving.best_model_path)
