"""optimizer_step, optimizer_zero_grad, backward, clipping and lr_scheduler_step with a will of their own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

DIFFERS = {
    "Forgetting*.trace": {
        "lines": r"teardown\(stage='fit'\)",
        "reason": "after an error Lightning calls no teardown hook; Leyden does, since files and processes wait for it",
    },
}


def program(L: Any, out: Path) -> dict[str, Any]:
    base = kit.module_class(L)

    class WarmUp(base):
        def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any) -> None:
            optimizer.step(closure=optimizer_closure)
            for group in optimizer.param_groups:
                group["lr"] = 0.01 * min(1.0, (self.trainer.global_step + 1) / 4)

    class Skipping(base):
        def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
            if batch_idx % 2 == 0:
                optimizer.step(closure=optimizer_closure)
            else:
                optimizer_closure()

    class ByHand(base):
        def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any) -> None:
            optimizer_closure()
            optimizer.step()

    class Forgetting(base):
        def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any) -> None:
            optimizer.step()

    class Zeroing(base):
        def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Any) -> None:
            optimizer.zero_grad(set_to_none=False)

    class Twice(base):
        def backward(self, loss: torch.Tensor) -> None:
            (2 * loss).backward()

    class Clipping(base):
        def configure_gradient_clipping(self, optimizer: Any, *given: Any, **named: Any) -> None:
            self.clip_gradients(optimizer, gradient_clip_val=0.1, gradient_clip_algorithm="value")

    class Scheduling(base):
        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]

        def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
            scheduler.step(epoch=self.current_epoch)

    class Searching(base):
        def configure_optimizers(self) -> Any:
            return torch.optim.LBFGS(self.parameters(), lr=0.1, max_iter=3)

    class Without(base):
        def configure_optimizers(self) -> None:
            return None

    class Hooked(base):
        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
            optimizer.register_step_pre_hook(lambda *args: self.seen.append("pre"))
            optimizer.register_step_post_hook(lambda *args: self.seen.append("post"))
            return optimizer

    result = {}
    for cls in (WarmUp, Skipping, ByHand, Forgetting, Zeroing, Twice, Clipping, Scheduling, Searching, Without, Hooked):
        for windows in (1, 2):
            recorder = kit.Recorder(L)
            module = recorder.watch(cls, "M")()
            module.seen = []
            settings = {"max_epochs": 2, "accumulate_grad_batches": windows, "callbacks": [recorder.callback()]}
            settings["gradient_clip_val"] = None if cls is Clipping else 0.3
            trainer = kit.trainer(L, out, **settings)
            error = kit.attempt(partial(trainer.fit, module, kit.loader(5), kit.val_loader(3)))
            rates = [g["lr"] for optimizer in trainer.optimizers for g in optimizer.param_groups if "lr" in g]
            found = kit.summary(trainer, module, recorder, rates=rates, seen=module.seen, error=error)
            result[f"{cls.__name__}, windows of {windows}"] = found
    return result
