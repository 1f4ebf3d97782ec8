"""seed_everything and the order in which shuffled batches come, epoch by epoch."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy
import torch
from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for workers in (False, True):
        answer = L.seed_everything(17, workers=workers)
        draws = [random.random(), float(numpy.random.rand()), torch.rand(3)]

        class Noisy(kit.module_class(L)):
            def training_step(self, batch: Any, batch_idx: int) -> Any:
                return self.loss(batch) + 0.1 * torch.rand(()) * self.net[0].weight.sum()

        recorder = kit.Recorder(L)
        module = recorder.watch(Noisy, "M", only=("on_train_batch_start", "on_validation_batch_start"))()
        trainer = kit.trainer(L, out, max_epochs=3)
        trainer.fit(module, kit.loader(shuffle=True), kit.val_loader())
        after = [random.random(), float(numpy.random.rand()), torch.rand(3)]
        result[str(workers)] = kit.summary(trainer, module, recorder, answer=answer, draws=draws, after=after)
    module = Noisy()
    trainer = kit.trainer(L, out, max_epochs=2, limit_train_batches=3)
    trainer.fit(module, kit.loader(shuffle=True, num_workers=1), kit.val_loader())
    return result | {"with a worker": kit.summary(trainer, module)}
