"""EarlyStopping: patience, modes, thresholds, deltas, and when it looks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

VALUES = (1.0, 0.8, 0.85, 0.79, 0.9, 0.95, 0.5, 0.99, 0.98, 0.97)
CASES = {
    "patience 2": {"patience": 2},
    "patience 1, max": {"patience": 1, "mode": "max"},
    "delta": {"patience": 2, "min_delta": 0.05},
    "threshold": {"stopping_threshold": 0.8},
    "divergence": {"divergence_threshold": 0.88},
    "train end": {"patience": 2, "check_on_train_epoch_end": True},
    "validation end": {"patience": 2, "check_on_train_epoch_end": False},
    "not strict": {"monitor": "absent", "strict": False},
    "not finite": {"monitor": "nan"},
    "not finite, unchecked": {"monitor": "nan", "check_finite": False, "patience": 1},
    "on train": {"monitor": "train_value", "patience": 2},
}

DIFFERS = {
    "train end*.metrics.logged.train_value": "Lightning no longer shows what was logged before the error; Leyden does",
}


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for name, arguments in CASES.items():
        for more in ({}, {"min_epochs": 6}, {"check_val_every_n_epoch": 2}, {"val_check_interval": 2}):

            class Valued(kit.module_class(L)):
                def on_validation_epoch_end(self) -> None:
                    value = VALUES[self.current_epoch]
                    self.log("value", value)
                    self.log("nan", float("nan") if self.current_epoch == 2 else value)

                def on_train_epoch_end(self) -> None:
                    self.log("train_value", VALUES[self.current_epoch])

            stopping = L.callbacks.EarlyStopping(**({"monitor": "value"} | arguments))
            module = Valued()
            trainer = kit.trainer(L, out, max_epochs=10, callbacks=[stopping], **more)
            error = kit.attempt(partial(trainer.fit, module, kit.loader(5), kit.val_loader(2)))
            state = {key: value for key, value in stopping.state_dict().items() if "message" not in key}
            again = {"wait": stopping.wait_count, "at": stopping.stopped_epoch, "best": stopping.best_score}
            result[f"{name} {more}"] = kit.summary(trainer, module, state=state, error=error, seen=again)
    return result
