"""Validation after a time of training: at once, never, after slow batches, and in some epochs alone."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

AT_ONCE, NEVER, SOON = timedelta(0), {"hours": 1}, timedelta(seconds=0.15)


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}

    class Slow(kit.module_class(L)):
        slow: tuple[int, ...] = ()
        slow_to_validate = stops = False

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            time.sleep(0.25 if batch_idx in self.slow else 0)
            self.trainer.should_stop |= self.stops and batch_idx == 1
            return super().training_step(batch, batch_idx)

        def validation_step(self, batch: Any, batch_idx: int) -> Any:
            time.sleep(0.25 if self.slow_to_validate else 0)
            return super().validation_step(batch, batch_idx)

    def run(name: str, interval: Any, slow: tuple[int, ...] = (), **more: Any) -> None:
        recorder = kit.Recorder(L)
        module = recorder.watch(Slow, "M")()
        module.slow, module.slow_to_validate = slow, more.pop("slow_to_validate", False)
        module.stops = more.pop("stops", False)
        settings = {"max_epochs": 2, "num_sanity_val_steps": 0, "val_check_interval": interval} | more
        trainer = kit.trainer(L, out, callbacks=[recorder.callback()], **settings)
        trainer.fit(module, kit.loader(9), kit.val_loader(1, 1))
        result[name] = kit.summary(trainer, module, recorder, batch=trainer.val_check_batch)

    for epochs in (1, 2, None):
        run(f"at once {epochs}", AT_ONCE, check_val_every_n_epoch=epochs)
        run(f"never {epochs}", NEVER, check_val_every_n_epoch=epochs)
        run(f"soon {epochs}", SOON, (1, 2), check_val_every_n_epoch=epochs)
    run("as a text", "00:01:00:00")
    run("in windows", SOON, (1, 3), accumulate_grad_batches=3)
    run("slow to validate", SOON, (1,), slow_to_validate=True, max_epochs=1)
    run("slow to check", SOON, (1,), slow_to_validate=True, num_sanity_val_steps=1, max_epochs=1)
    run("stopped", NEVER, stops=True)
    run("a short run", NEVER, fast_dev_run=True)
    for wrong in ("soon", "1:00", {"years": 1}, timedelta(-1)):
        if wrong != timedelta(-1):  # Lightning takes a time that is over before it has begun
            result[str(wrong)] = kit.attempt(partial(kit.trainer, L, out, val_check_interval=wrong))
    return result
