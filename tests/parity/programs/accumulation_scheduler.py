"""GradientAccumulationScheduler, and accumulate_grad_batches set by hand: windows that change in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

SCHEDULES: dict[str, dict[int, int]] = {
    "from the start": {0: 3},
    "growing": {1: 2, 2: 5},
    "shrinking": {0: 4, 2: 1},
    "beyond the epoch": {0: 20},
    "nothing": {1: 1},
}
MISTAKES: tuple[Any, ...] = ({}, None, {"1": 2}, {-1: 2}, {1.0: 2}, {0: 0}, {0: 2.5}, {0: "2"})


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, scheduling in SCHEDULES.items():
        recorder = kit.Recorder(L)
        scheduler = L.callbacks.GradientAccumulationScheduler(dict(scheduling))
        module = kit.module_class(L)()
        callbacks = [scheduler, recorder.callback()]
        trainer = kit.trainer(L, out, callbacks=callbacks, max_epochs=3, log_every_n_steps=2, logger=recorder.logger())
        trainer.fit(module, kit.loader(), kit.val_loader())
        asked = [scheduler.get_accumulate_grad_batches(epoch) for epoch in range(5)]
        more = {"asked": asked, "any": scheduler.going_to_accumulate_grad_batches(), "epochs": scheduler.epochs}
        more |= {"last": trainer.accumulate_grad_batches, "estimated": trainer.estimated_stepping_batches}
        result[name] = kit.summary(trainer, module, recorder, scheduling=scheduler.scheduling, **more)

    for before, after, epoch, batch in ((1, 3, 0, 2), (3, 1, 1, 1), (2, 4, 1, 6)):

        class Change(L.Callback):
            def on_train_batch_end(
                self, trainer: Any, *args: Any, when: tuple[int, int] = (epoch, batch), after: int = after
            ) -> None:
                if (trainer.current_epoch, args[-1]) == when:
                    trainer.accumulate_grad_batches = after

        recorder = kit.Recorder(L)
        module = kit.module_class(L)()
        callbacks = [Change(), recorder.callback()]
        trainer = kit.trainer(L, out, callbacks=callbacks, max_epochs=3, accumulate_grad_batches=before)
        trainer.fit(module, kit.loader(), kit.val_loader())
        result[f"{before} to {after} after batch {batch} of epoch {epoch}"] = kit.summary(trainer, module, recorder)

    ready = kit.trainer(L, out, max_epochs=1)
    ready.accumulate_grad_batches = 4
    module = kit.module_class(L)()
    ready.fit(module, kit.loader())
    result["set before a fit"] = kit.summary(ready, module)
    make = L.callbacks.GradientAccumulationScheduler
    result["mistakes"] = [kit.attempt(lambda given=given: make(given) and None) for given in MISTAKES]
    return result
