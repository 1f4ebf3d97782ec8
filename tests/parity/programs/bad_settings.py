"""Arguments of Trainer that mean nothing: which of them are errors, and when."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

MEANINGLESS = "Lightning takes it and goes on with something else; Leyden says what is wrong"
DIFFERS = {
    "{'min_epochs': 3, 'max_epochs': 2}": MEANINGLESS,
    "{'num_sanity_val_steps': -2}": MEANINGLESS,
    "{'log_every_n_steps': -1}": MEANINGLESS,
    "{'fast_dev_run': 1.5}": MEANINGLESS,
    "{'deterministic': 'x'}": MEANINGLESS,
}
CASES: tuple[dict[str, Any], ...] = (
    {"max_epochs": -2},
    {"max_epochs": 1.5},
    {"max_steps": -2},
    {"min_epochs": 3, "max_epochs": 2},
    {"limit_train_batches": -1},
    {"limit_train_batches": 1.5},
    {"limit_train_batches": 0.01},
    {"limit_val_batches": 0.01},
    {"limit_val_batches": 100},
    {"limit_train_batches": 100},
    {"val_check_interval": 8},
    {"val_check_interval": 7},
    {"val_check_interval": 1.5},
    {"val_check_interval": 0.05},
    {"val_check_interval": 8, "check_val_every_n_epoch": None},
    {"val_check_interval": 0.5, "check_val_every_n_epoch": None},
    {"check_val_every_n_epoch": 0},
    {"check_val_every_n_epoch": 1.5},
    {"num_sanity_val_steps": -2},
    {"log_every_n_steps": 0},
    {"log_every_n_steps": -1},
    {"accumulate_grad_batches": 0},
    {"accumulate_grad_batches": 20},
    {"gradient_clip_val": "1"},
    {"gradient_clip_val": 0},
    {"gradient_clip_val": -1.0},
    {"gradient_clip_algorithm": "other"},
    {"precision": "8"},
    {"precision": 32},
    {"precision": "32"},
    {"accelerator": "other"},
    {"devices": 0},
    {"devices": "auto"},
    {"fast_dev_run": -1},
    {"fast_dev_run": 1.5},
    {"max_time": "00:00:00:10"},
    {"max_time": "x"},
    {"max_time": timedelta(seconds=10)},
    {"max_time": {"seconds": 10}},
    {"logger": "x"},
    {"callbacks": "x"},
    {"deterministic": "x"},
    {"unknown": 1},
)


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for settings in CASES:

        def make_and_fit(settings: Any = settings) -> Any:
            trainer = kit.trainer(L, out, **({"max_epochs": 2} | settings))
            return trainer.fit(kit.module_class(L)(), kit.loader(), kit.val_loader()) or trainer.global_step

        result[str(settings)] = kit.attempt(partial(make_and_fit))
    return result
