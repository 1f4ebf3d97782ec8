"""A program that writes into callback_metrics, and what a monitor sees of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    seen = []

    class Injecting(L.Callback):
        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            if not trainer.sanity_checking:
                trainer.callback_metrics["mine"] = kit.torch.tensor(float(-trainer.current_epoch))

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            seen.append(dict(trainer.callback_metrics))

    module = kit.module_class(L)()
    saving = L.callbacks.ModelCheckpoint(dirpath=out / "kept", monitor="mine", save_top_k=1)
    settings = {"max_epochs": 3, "callbacks": [Injecting(), saving], "enable_checkpointing": True}
    trainer = kit.trainer(L, out, **settings)
    error = kit.attempt(lambda: trainer.fit(module, kit.loader(3), kit.val_loader(3)))
    found = {"seen": seen, "error": error, "files": kit.files(out), "score": saving.best_model_score}
    return kit.summary(trainer, module, **found)
