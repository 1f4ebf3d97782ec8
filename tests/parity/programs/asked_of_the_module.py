"""What a module can ask about itself in its hooks: optimizers, schedulers, counters, device, logger."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    asked: list[Any] = []

    class Asking(kit.module_class(L)):
        def ask(self, where: str) -> None:
            optimizers, schedulers = self.optimizers(), self.lr_schedulers()
            logger = type(self.logger).__name__
            plain = self.optimizers(use_pl_optimizer=False)
            entry = [where, self.current_epoch, self.global_step, str(self.device), str(self.dtype), self.global_rank]
            entry += [self.local_rank, self.on_gpu, self.training, logger, len(self.loggers), type(plain).__name__]
            entry += [[g["lr"] for g in optimizers.param_groups], isinstance(optimizers, torch.optim.Optimizer)]
            entry += [type(schedulers).__name__, self.trainer is not None, self.automatic_optimization]
            asked.append([*entry, self.trainer.model is self, self.trainer.num_training_batches])

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

        def on_fit_start(self) -> None:
            self.ask("on_fit_start")

        def on_train_start(self) -> None:
            self.ask("on_train_start")
            gathered = self.all_gather({"of": [1, 2.5, True, torch.arange(3.0)], "array": np.arange(2.0), "text": "x"})
            asked.append([gathered, str(gathered["of"][0].dtype), str(gathered["of"][2].dtype)])

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            self.ask("training_step")
            return self.loss(batch)

        def on_train_batch_end(self, *args: Any) -> None:
            self.ask("on_train_batch_end")

        def on_validation_epoch_end(self) -> None:
            self.ask("on_validation_epoch_end")

        def on_train_epoch_end(self) -> None:
            self.ask("on_train_epoch_end")

        def on_fit_end(self) -> None:
            self.ask("on_fit_end")

    module = Asking()
    names = ("trainer", "device", "logger", "current_epoch", "global_step")
    unattached = {name: kit.attempt(partial(getattr, module, name)) for name in names}
    unattached["log"] = kit.attempt(lambda: module.log("x", 1.0))
    trainer = kit.trainer(L, out, max_epochs=2, logger=L.loggers.CSVLogger(out))
    trainer.fit(module, kit.loader(3), kit.val_loader(3))
    module.freeze()
    frozen = [module.training, [p.requires_grad for p in module.parameters()]]
    module.unfreeze()
    frozen += [module.training, [p.requires_grad for p in module.parameters()]]
    unattached = {key: value if value == "an error" else kit.describe(value) for key, value in unattached.items()}
    return kit.summary(trainer, module, asked=asked, unattached=unattached, frozen=frozen)
