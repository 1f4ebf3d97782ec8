"""A run of two epochs, saved at its end and continued to four, against one that was never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


class Batches:
    """Batches in the same order in every epoch."""

    def __iter__(self) -> Any:
        return iter(kit.loader())

    def __len__(self) -> int:
        return 7


def program(L: Any, out: Path) -> dict[str, Any]:
    class Scheduled(kit.module_class(L)):
        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.Adam(self.parameters(), lr=0.05)
            steps = {"scheduler": torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95), "interval": "step"}
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5), steps]

    def run(name: str, epochs: int, path: Path | None = None, more: tuple[Any, ...] = ()) -> dict[str, Any]:
        torch.manual_seed(5)
        recorder = kit.Recorder(L, metrics=True)
        module = recorder.watch(Scheduled, "M")()
        callbacks = [recorder.callback(), L.callbacks.EarlyStopping("val_loss", patience=9), *more]
        settings = {"max_epochs": epochs, "callbacks": callbacks, "logger": recorder.logger(), "log_every_n_steps": 2}
        trainer = kit.trainer(L, out, enable_checkpointing=bool(more), **settings)
        trainer.fit(module, Batches(), kit.val_loader(), ckpt_path=path)
        trainer.save_checkpoint(out / f"{name}.ckpt")
        recorder.note("", trainer)
        return kit.summary(trainer, module, recorder, state=callbacks[1].state_dict())

    saving = L.callbacks.ModelCheckpoint(dirpath=out / "kept", monitor="val_loss", save_top_k=-1, filename="{epoch}")
    result = {"whole": run("whole", 4), "half": run("half", 2, more=(saving,))}
    result["continued"] = run("continued", 4, out / "half.ckpt")
    result["continued from the callback's"] = run("kept", 4, out / "kept" / "epoch=1.ckpt")
    result["nothing left to do"] = run("none", 2, out / "half.ckpt")
    return result
