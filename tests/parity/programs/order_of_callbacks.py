"""Several callbacks, monitoring ones among them: in which order each hook finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L)
    told = ("setup", "on_fit_start", "on_train_start", "on_train_epoch_start", "on_train_batch_end")
    told += (
        "on_validation_end",
        "on_train_epoch_end",
        "on_train_end",
        "on_fit_end",
        "teardown",
        "state_dict",
        "on_save_checkpoint",
    )
    Stopping = recorder.watch(L.callbacks.EarlyStopping, "stopping", only=told)
    Saving = recorder.watch(L.callbacks.ModelCheckpoint, "saving", only=told)
    First = recorder.watch(type("First", (L.Callback,), {}), "first", only=told)
    Last = recorder.watch(type("Last", (L.Callback,), {}), "last", only=told)

    class Net(kit.module_class(L)):
        def configure_callbacks(self) -> Any:
            return [Last()]

    module = recorder.watch(Net, "M")()
    saving = Saving(dirpath=out / "a", monitor="val_loss")
    callbacks = [saving, Stopping("val_loss"), First(), Saving(dirpath=out / "b", every_n_train_steps=2)]
    trainer = kit.trainer(L, out, max_epochs=2, callbacks=callbacks, enable_checkpointing=True)
    before = [type(callback).__name__ for callback in trainer.callbacks]
    trainer.fit(module, kit.loader(5), kit.val_loader())
    after = [type(callback).__name__ for callback in trainer.callbacks]
    first = trainer.checkpoint_callback is saving
    several = [len(trainer.checkpoint_callbacks), len(trainer.early_stopping_callbacks)]
    return kit.summary(trainer, module, recorder, before=before, after=after, first=first, several=several)
