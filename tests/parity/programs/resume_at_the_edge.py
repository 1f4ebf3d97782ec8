"""A run of two epochs, saved at its end and continued to four, against one that was never stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

EXACT = "a resume goes on with the random numbers of the save, not with those that happen to be there"
KEPT = "a resume shows the metrics of the save until they are logged again, which schedulers and callbacks may need"
DIFFERS = {
    "continued*.random": EXACT,
    "continued from the callback's.trace": {
        "lines": "on_train_start",
        "reason": "the epoch of the save is ended after on_train_start, since a scheduler may still have to step",
    },
    "nothing left to do.random": EXACT,
    "continued*.metrics at the start*": KEPT,
}


def program(L: Any, out: Path) -> dict[str, Any]:
    class Scheduled(kit.module_class(L)):
        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.Adam(self.parameters(), lr=0.05)
            steps = {"scheduler": torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95), "interval": "step"}
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5), steps]

    def run(name: str, epochs: int, path: Path | None = None, more: tuple[Any, ...] = ()) -> dict[str, Any]:
        torch.manual_seed(5)
        recorder = kit.Recorder(L, random=path is None)
        shown: dict[str, Any] = {}
        module = recorder.watch(Scheduled, "M")()
        look = {"on_train_epoch_start": lambda self, trainer, module: shown.setdefault("first", kit.metrics(trainer))}
        callbacks = [recorder.callback(), L.callbacks.EarlyStopping("val_loss", patience=9), *more]
        callbacks.append(type("Look", (L.Callback,), look)())
        settings = {"max_epochs": epochs, "callbacks": callbacks, "logger": recorder.logger(), "log_every_n_steps": 2}
        trainer = kit.trainer(L, out, enable_checkpointing=bool(more), **settings)
        trainer.fit(module, kit.loader(), kit.val_loader(), ckpt_path=path)
        trainer.save_checkpoint(out / f"{name}.ckpt")
        recorder.note("", trainer)
        return kit.summary(
            trainer, module, recorder, state=callbacks[1].state_dict(), **{"metrics at the start": shown}
        )

    saving = L.callbacks.ModelCheckpoint(dirpath=out / "kept", monitor="val_loss", save_top_k=-1, filename="{epoch}")
    result = {"whole": run("whole", 4), "half": run("half", 2, more=(saving,))}
    result["continued"] = run("continued", 4, out / "half.ckpt")
    result["continued from the callback's"] = run("kept", 4, out / "kept" / "epoch=1.ckpt")
    result["nothing left to do"] = run("none", 2, out / "half.ckpt")
    return result
