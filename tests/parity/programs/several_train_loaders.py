"""Several loaders to train on: the longest decides, the others start again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    loaders = {
        "list": lambda: [kit.loader(5), kit.loader(13, 4, seed=3)],
        "dict": lambda: {"a": kit.loader(13), "b": kit.loader(5, seed=3)},
    }
    for name, make in loaders.items():
        recorder = kit.Recorder(L)

        class Several(kit.module_class(L)):
            def training_step(self, batch: Any, batch_idx: int) -> Any:
                return sum(self.loss(part) for part in (batch.values() if isinstance(batch, dict) else batch))

        module = recorder.watch(Several, "M")()
        trainer = kit.trainer(L, out, max_epochs=2, callbacks=[recorder.callback()])
        trainer.fit(module, make())
        result[name] = kit.summary(trainer, module, recorder)
    return result
