"""Runs that Lightning began, saved in its own format and continued: counters, hooks and weights.

Under either framework Lightning itself trains first, so both continue from the same files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning
import torch
from tests.parity import toolkit as kit

DIFFERS = {
    "end of an epoch.trace": {
        "reason": "Lightning shows the epoch that is over until training begins",
        "lines": r"epoch=[12] step=14 (sanity_checking|training) is_last_batch",
    },
    "a validation.trace": {
        "reason": "no scheduler that watches a metric steps for that epoch, so its last batch is not shown as one",
        "lines": r"(on_train_start|on_train_epoch_end|on_train_epoch_start)\(.*epoch=[12] step=14 ",
    },
    "inside an epoch.*": "Lightning begins the loader again and gives its first batches the numbers of the next ones; "
    "Leyden takes those that are left",
}


def module_of(framework: Any) -> type:
    class Trained(kit.module_class(framework)):
        def __init__(self, lr: float = 0.1, sizes: tuple[int, ...] = (1, 2)) -> None:
            super().__init__(lr)
            self.save_hyperparameters()

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(self.parameters(), lr=self.lr)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)]

    return Trained


def callbacks_of(framework: Any, out: Path) -> list[Any]:
    kinds = framework.callbacks
    keeping = kinds.ModelCheckpoint(dirpath=out / "kept", monitor="val_loss", save_top_k=2, save_last=True)
    return [
        kinds.EarlyStopping("val_loss", patience=50, check_on_train_epoch_end=False),
        kinds.Timer(duration="00:01:00:00"),
        keeping,
    ]


def program(L: Any, out: Path) -> dict[str, Any]:
    def begin(name: str, hook: str, epochs: int = 2, **more: Any) -> Path:
        """Train under Lightning, and save in the last call of a hook of epoch 1."""
        torch.manual_seed(5)
        path = out / f"{name}.ckpt"

        def save(self: Any, trainer: Any, *args: Any) -> None:
            if trainer.current_epoch in (1, epochs) and not trainer.sanity_checking:
                trainer.save_checkpoint(path)

        saver = type("Saver", (pytorch_lightning.Callback,), {hook: save})()
        callbacks = [*callbacks_of(pytorch_lightning, out / name), saver]
        trainer = kit.trainer(
            pytorch_lightning, out, max_epochs=epochs, callbacks=callbacks, enable_checkpointing=True, **more
        )
        trainer.fit(module_of(pytorch_lightning)(), kit.loader(), kit.val_loader())
        return path

    def go_on(path: Path) -> dict[str, Any]:
        torch.manual_seed(6)
        recorder = kit.Recorder(L, random=False)
        module = recorder.watch(module_of(L), "M")()
        mine = callbacks_of(L, path.with_suffix(""))
        trainer = kit.trainer(L, out, max_epochs=4, callbacks=[recorder.callback(), *mine], enable_checkpointing=True)
        trainer.fit(module, kit.loader(), kit.val_loader(), ckpt_path=path)
        stopping, _, keeping = mine
        known = {"wait": stopping.wait_count, "best": stopping.best_score, "kept": keeping.best_model_score}
        return kit.summary(trainer, module, recorder) | known

    result = {}
    for name, hook in (("end of a fit", "on_train_end"), ("end of an epoch", "on_train_epoch_end")):
        result[name] = go_on(begin(name, hook))
    result["a validation"] = go_on(begin("a validation", "on_validation_end"))
    result["inside an epoch"] = go_on(begin("inside an epoch", "on_validation_end", val_check_interval=2))
    again = module_of(L).load_from_checkpoint(out / "end of a fit.ckpt", lr=0.2)
    result["built again"] = {"lr": again.hparams.lr, "sizes": again.hparams.sizes, "weights": again.state_dict()}
    return result
