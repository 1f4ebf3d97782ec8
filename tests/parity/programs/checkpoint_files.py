"""ModelCheckpoint: which files there are after every hook, by which names, and what it remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

DIFFERS = {
    "*.absolute paths in the state": "Leyden keeps names within dirpath: a checkpoint that is moved still fits",
    "*.state.leyden": "what an exact resume needs beyond Lightning's keys",
    "monitor a step metric.seen": "a ranked checkpoint waits for a validation that is due after the same batch",
}
VALUES = (0.5, 0.4, 0.45, 0.3, 0.35, 0.2)
CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "top 2 and last": {"monitor": "value", "save_top_k": 2, "save_last": True},
    "max": {"monitor": "value", "save_top_k": 1, "mode": "max"},
    "all": {"monitor": "value", "save_top_k": -1},
    "none": {"save_top_k": 0, "save_last": True},
    "all, unmonitored": {"save_top_k": -1},
    "every 3 steps": {"every_n_train_steps": 3, "save_top_k": -1},
    "every 3 steps, last only": {"every_n_train_steps": 3},
    "every 2 epochs": {"every_n_epochs": 2, "save_top_k": -1},
    "every 2 epochs, top 1": {"every_n_epochs": 2, "monitor": "value"},
    "at the end of training": {"monitor": "value", "save_on_train_epoch_end": True, "save_top_k": -1},
    "at the end of validation": {"monitor": "value", "save_on_train_epoch_end": False, "save_top_k": -1},
    "named": {"filename": "{epoch:02d}-{value:.3f}-{step}", "monitor": "value", "save_top_k": -1},
    "named, bare": {"filename": "e{epoch}v{value:.2f}", "auto_insert_metric_name": False, "monitor": "value"},
    "named with a slash": {"filename": "{epoch}-{val/sub:.2f}", "monitor": "val/sub", "auto_insert_metric_name": False},
    "named by an absent metric": {"filename": "{epoch}-{absent:.2f}", "save_top_k": -1},
    "same name": {"filename": "same", "save_top_k": -1},
    "same name, no version": {"filename": "same", "save_top_k": -1, "enable_version_counter": False},
    "weights only": {"save_weights_only": True},
    "monitor a step metric": {"monitor": "train_loss", "every_n_train_steps": 2, "save_top_k": 2},
    "last only": {"save_last": True, "monitor": "value", "save_top_k": 1},
}


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for name, arguments in CASES.items():
        folder = out / name.replace(" ", "_")
        seen: list[str] = []

        class Valued(kit.module_class(L)):
            def on_validation_epoch_end(self) -> None:
                self.log("value", VALUES[self.current_epoch])
                self.log("val/sub", VALUES[self.current_epoch])

        def look(moment: str, seen: list[str] = seen, folder: Path = folder) -> Any:
            def hook(self: Any, run: Any, *args: Any) -> None:
                there = kit.files(folder) if folder.exists() else []
                if there != self.there:
                    seen.append(f"{moment} epoch={run.current_epoch} step={run.global_step} {there}")
                    self.there = there

            return hook

        moments = ("on_train_start", "on_train_batch_start", "on_train_batch_end", "on_validation_start")
        moments += ("on_validation_end", "on_train_epoch_start", "on_train_end", "on_fit_end")
        callback = type("Look", (L.Callback,), {moment: look(moment) for moment in moments})()
        callback.there = []
        saving = L.callbacks.ModelCheckpoint(dirpath=folder, **arguments)
        module = Valued()
        settings = {"max_epochs": 4, "callbacks": [saving, callback], "enable_checkpointing": True}
        trainer = kit.trainer(L, out, **settings)
        trainer.fit(module, kit.loader(7), kit.val_loader())
        state = saving.state_dict()
        state["best_k_models"] = {Path(path).name: score for path, score in state["best_k_models"].items()}
        absolute = Path(state.pop("dirpath")).is_absolute()
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            state[key] = Path(state[key]).name
        remembered = {"state": state, "absolute paths in the state": absolute}
        remembered |= {"key": saving.state_key, "best": saving.best_model_path, "last": saving.last_model_path}
        remembered |= {"score": saving.best_model_score, "seen": seen, "files": kit.files(folder)}
        remembered["same object"] = trainer.checkpoint_callback is saving
        result[name] = kit.summary(trainer, module, **remembered)
    return result
