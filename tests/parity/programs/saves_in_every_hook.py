"""trainer.save_checkpoint in every hook: the counters that the file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

HOOKS = ("on_fit_start", "on_sanity_check_end", "on_train_start", "on_train_epoch_start", "on_train_batch_start")
HOOKS += ("on_before_zero_grad", "on_before_optimizer_step", "on_train_batch_end", "on_validation_start")
HOOKS += ("on_validation_batch_end", "on_validation_epoch_end", "on_validation_end", "on_train_epoch_end")
HOOKS += ("on_train_end", "on_fit_end", "teardown")


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for windows in (1, 2):
        seen: list[Any] = []

        class Saving(kit.module_class(L)):
            def on_save_checkpoint(self, checkpoint: dict[str, Any], seen: list[Any] = seen) -> None:
                loops = checkpoint["loops"]["fit_loop"]
                batches, epochs = loops["epoch_loop.batch_progress"], loops["epoch_progress"]["current"]
                stepped = loops["epoch_loop.state_dict"]["_batches_that_stepped"]
                steps = loops["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]["step"]["total"]
                row = [checkpoint["epoch"], checkpoint["global_step"], stepped, steps["completed"]]
                row += [epochs["ready"], epochs["completed"], batches["is_last_batch"]]
                seen[-1] += [*row, {"total": batches["total"]}]

        def save(name: str, seen: list[Any] = seen) -> Any:
            def hook(self: Any, run: Any, *args: Any, **kwargs: Any) -> None:
                seen.append([name])
                run.save_checkpoint(out / "saved.ckpt")

            return hook

        callback = type("Saver", (L.Callback,), {name: save(name) for name in HOOKS})()
        module = Saving()
        settings = {"max_epochs": 2, "accumulate_grad_batches": windows, "callbacks": [callback]}
        trainer = kit.trainer(L, out, **settings)
        trainer.fit(module, kit.loader(5), kit.val_loader(3))
        rows = {f"{index} {row[0]}": row[1:-1] for index, row in enumerate(seen)}
        counts = {f"{index} {row[0]}": row[-1] for index, row in enumerate(seen)}
        result[str(windows)] = kit.summary(trainer, module, rows=rows, counts=counts)
    return result
