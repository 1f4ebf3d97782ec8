"""What a trainer says of itself before it ran, and what it ends with when a hook stops it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

DIFFERS = {"before.min_epochs": "min_epochs is resolved when the trainer is made, not when it fits"}


def program(L: Any, out: Path) -> dict[str, Any]:
    trainer = L.Trainer(default_root_dir=out, logger=False, enable_progress_bar=False, enable_model_summary=False)
    names = ("max_epochs", "max_steps", "min_epochs", "min_steps", "current_epoch", "global_step", "should_stop")
    names += ("accumulate_grad_batches", "check_val_every_n_epoch", "fast_dev_run", "log_every_n_steps", "log_dir")
    names += ("gradient_clip_val", "gradient_clip_algorithm", "num_training_batches", "num_val_batches", "training")
    names += ("num_sanity_val_batches", "num_test_batches", "num_predict_batches", "is_global_zero", "world_size")
    names += ("limit_train_batches", "limit_val_batches", "val_check_interval", "num_sanity_val_steps", "global_rank")
    names += ("overfit_batches", "reload_dataloaders_every_n_epochs", "sanity_checking", "enable_validation")
    names += ("train_dataloader", "val_dataloaders", "optimizers", "lr_scheduler_configs", "model", "barebones")
    names += ("callback_metrics", "logged_metrics", "progress_bar_metrics", "is_last_batch", "interrupted", "ckpt_path")
    before = {name: getattr(trainer, name) for name in names}
    callbacks = [type(callback).__name__ for callback in trainer.callbacks]

    class Stop(L.Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            trainer.should_stop = trainer.current_epoch == 1

    module = kit.module_class(L)()
    unbounded = kit.trainer(L, out, callbacks=[Stop()])
    unbounded.fit(module, kit.loader())
    return {"before": before, "callbacks": callbacks} | kit.summary(unbounded, module)
