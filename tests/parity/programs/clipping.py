"""Gradients clipped by norm and by value, and the hooks that see them before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for algorithm in (None, "norm", "value"):
        seen = []

        def look(self: Any, trainer: Any, module: Any, *args: Any, seen: list[Any] = seen) -> None:
            seen.append([p.grad.clone() for p in module.parameters() if p.grad is not None])

        hooks = {"on_before_optimizer_step": look, "on_train_batch_end": look}
        callback = type("Look", (L.Callback,), hooks)()
        module = kit.module_class(L)()
        settings = {"gradient_clip_val": 0.3, "gradient_clip_algorithm": algorithm, "accumulate_grad_batches": 2}
        trainer = kit.trainer(L, out, max_epochs=2, callbacks=[callback], **settings)
        trainer.fit(module, kit.loader())
        result[str(algorithm)] = kit.summary(trainer, module, gradients=seen)
    return result
