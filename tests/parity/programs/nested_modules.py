"""A module with modules of its own kind in it: which of their methods work, and which hooks they hear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

DIFFERS = {
    "trace": {"lines": "inner:", "reason": "a module inside the fitted one may log as the fitted one does"},
    "metrics.*.inner": "a module inside the fitted one may log as the fitted one does",
}


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L)

    class Inner(L.LightningModule):
        def __init__(self, width: int = 4) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(3, width)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x)

        def on_train_start(self) -> None:
            recorder.note("the inner module hears on_train_start")

    class Outer(kit.module_class(L)):
        def __init__(self, width: int = 4) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.inner = Inner(width)
            self.net = torch.nn.Sequential(self.inner, torch.nn.Tanh(), torch.nn.Linear(width, 1))

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            inner = self.inner
            if batch_idx == 0:
                attached = inner.trainer is self.trainer, inner.current_epoch, inner.global_step, str(inner.device)
                recorder.note(f"inner: {attached}, logs: {kit.attempt(lambda: inner.log('inner', 1.0))}")
            return self.loss(batch)

    module = recorder.watch(Outer, "M")()
    trainer = kit.trainer(L, out, max_epochs=2)
    trainer.fit(module, kit.loader(5), kit.val_loader(3))
    trainer.save_checkpoint(out / "saved.ckpt")
    again = Outer.load_from_checkpoint(out / "saved.ckpt")
    more = {"inner": dict(module.inner.hparams), "again": kit.weights(again), "hparams": dict(again.hparams)}
    return kit.summary(trainer, module, recorder, **more)
