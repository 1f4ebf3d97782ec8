"""Training without a loader to validate on, and without a validation step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}

    class Bare(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = kit.torch.nn.Linear(3, 1)

        def training_step(self, batch: Any) -> Any:
            return (self.net(batch[0]) - batch[1]).square().mean()

        def configure_optimizers(self) -> Any:
            return kit.torch.optim.Adam(self.parameters(), lr=0.1)

    for name, cls, loaders in (("no loader", kit.module_class(L), []), ("no step", Bare, [kit.val_loader()])):
        recorder = kit.Recorder(L, metrics=True)
        module = recorder.watch(cls, "M")()
        trainer = kit.trainer(L, out, max_epochs=2, callbacks=[recorder.callback()])
        trainer.fit(module, kit.loader(5), *loaders)
        result[name] = kit.summary(trainer, module, recorder, enabled=trainer.enable_validation)
    return result
