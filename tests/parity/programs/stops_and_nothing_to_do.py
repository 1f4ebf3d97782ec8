"""Where a stop is asked for before anything ran, and runs that have nothing to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    def stop(self: Any, trainer: Any, *args: Any) -> None:
        trainer.should_stop = True

    nothing = ({"limit_train_batches": 0}, {"max_epochs": 0}, {"max_steps": 0}, {"limit_val_batches": 0})
    cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {str(settings): ({}, settings) for settings in nothing}
    hooks = ("on_fit_start", "on_sanity_check_end", "on_train_start", "on_train_epoch_start", "on_train_batch_start")
    hooks += ("on_train_batch_end", "on_validation_batch_end", "on_validation_end", "on_train_epoch_end")
    for hook in hooks:
        for settings in ({}, {"check_val_every_n_epoch": 2}, {"val_check_interval": 2}, {"accumulate_grad_batches": 2}):
            cases[f"stop in {hook}, {settings}"] = ({hook: stop}, settings)
    result = {}
    for name, (methods, settings) in cases.items():
        recorder = kit.Recorder(L)
        module = recorder.watch(kit.module_class(L), "M", only=("training_step", "validation_step"))()
        callback = recorder.callback("C", **methods)
        trainer = kit.trainer(L, out, **({"max_epochs": 2, "callbacks": [callback]} | settings))
        trainer.fit(module, kit.loader(5), kit.val_loader(3))
        result[name] = kit.summary(trainer, module, recorder)
    return result
