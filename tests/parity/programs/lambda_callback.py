"""LambdaCallback: a function for every hook, and the arguments that each is called with."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    names = list(inspect.signature(L.callbacks.LambdaCallback).parameters)
    trace: list[str] = []

    def noting(name: str) -> Any:
        def note(trainer: Any, module: Any, *args: Any, **kwargs: Any) -> None:
            given = [*args, *kwargs.values()]
            trace.append(f"{name}({', '.join(map(kit.describe, given))}) | {kit.facts(trainer)}")

        return note

    callback = L.callbacks.LambdaCallback(**{name: noting(name) for name in names})
    module = kit.module_class(L)()
    trainer = kit.trainer(L, out, callbacks=[callback], max_epochs=2)
    trainer.fit(module, kit.loader(5), kit.val_loader())
    trainer.save_checkpoint(out / "a.ckpt")
    trainer.test(module, kit.val_loader(), verbose=False)
    trainer.predict(module, kit.val_loader())
    trainer.validate(module, kit.val_loader(), verbose=False)
    resumed = kit.trainer(L, out, callbacks=[callback], max_epochs=3)
    resumed.fit(module, kit.loader(5), kit.val_loader(), ckpt_path=out / "a.ckpt")

    def fail(batch: Any, batch_idx: int) -> None:
        raise ValueError("it fails")

    module.training_step = fail
    failing = kit.trainer(L, out, callbacks=[callback], max_epochs=1)
    kit.attempt(lambda: failing.fit(module, kit.loader(5), kit.val_loader()))
    # After an error Lightning calls no teardown hook; Leyden does.
    while trace[-1].startswith("teardown"):
        trace.pop()

    some = L.callbacks.LambdaCallback(on_train_epoch_end=lambda trainer, module: seen.append(trainer.current_epoch))
    seen: list[int] = []
    once = kit.trainer(L, out, callbacks=[some], max_epochs=2)
    once.fit(kit.module_class(L)(), kit.loader(5))
    unknown = kit.attempt(lambda: L.callbacks.LambdaCallback(on_training=print))
    return {"names": sorted(names), "trace": trace, "seen": seen, "unknown": unknown, "weights": kit.weights(module)}
