"""training_step answers with a tensor, a dict, a dict with more in it, nothing, or nothing now and then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    answers = {
        "tensor": lambda loss, index: loss,
        "dict": lambda loss, index: {"loss": loss},
        "more": lambda loss, index: {"loss": loss, "extra": loss.detach() * 2, "text": "t", "index": index},
        "none": lambda loss, index: None,
        "now and then": lambda loss, index: None if index % 3 == 1 else loss,
        "none at the end": lambda loss, index: None if index == 6 else loss,
    }
    result = {}
    for name, answer in answers.items():
        for windows in (1, 2):
            recorder = kit.Recorder(L)

            class Answering(kit.module_class(L)):
                def training_step(self, batch: Any, batch_idx: int, answer: Any = answer) -> Any:
                    loss = self.loss(batch)
                    self.log("train_loss", loss, on_step=True, on_epoch=True)
                    return answer(loss, batch_idx)

            module = recorder.watch(Answering, "M")()
            settings = {"max_epochs": 2, "accumulate_grad_batches": windows, "log_every_n_steps": 1}
            trainer = kit.trainer(L, out, callbacks=[recorder.callback()], logger=recorder.logger(), **settings)
            trainer.fit(module, kit.loader())
            result[f"{name}, windows of {windows}"] = kit.summary(trainer, module, recorder)
    return result
