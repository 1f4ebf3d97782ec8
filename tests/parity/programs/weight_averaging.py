"""WeightAveraging and EMAWeightAveraging: what is averaged when, and who sees it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

DIFFERS = {
    "late.metrics*": "until there is an average, the weights of training stand in for it",
    "late.weights*": "until there is an average, the weights of training stand in for it",
    "late.seen": "until there is an average, the weights of training stand in for it",
    "resumed.random": "a resume goes on with the random numbers of the save",
    "from a plain one.random": "a resume goes on with the random numbers of the save",
    "tested by the trainer that trained*": "a checkpoint is evaluated with its average, whoever evaluates it",
    "weights after validate*": "a checkpoint is evaluated with its average, and the module keeps it",
    "own state*": "the epochs that were asked about are counted, so that a resumed run does not ask twice",
}


def program(L: Any, out: Path) -> dict[str, Any]:
    asked: list[Any] = []

    class Asked(L.callbacks.WeightAveraging):
        def should_update(self, step_idx: Any = None, epoch_idx: Any = None) -> bool:
            asked.append([step_idx, epoch_idx])
            return step_idx in (0, 3, 4) or epoch_idx == 1

    class Saves(L.Callback):
        def on_train_epoch_end(self, trainer: Any, *args: Any) -> None:
            if trainer.current_epoch == 0:
                trainer.save_checkpoint(out / "a.ckpt")

    def train(average: Any, *more: Any, ckpt_path: Any = None, **arguments: Any) -> dict[str, Any]:
        torch.manual_seed(3)
        seen: list[str] = []

        class Own(kit.module_class(L)):  # type: ignore[misc]
            def validation_step(self, batch: Any, batch_idx: int) -> Any:
                seen.append(f"validates {kit.describe(kit.weights(self))}")
                return super().validation_step(batch, batch_idx)

        def after(self: Any, trainer: Any, module: Any, *args: Any) -> None:
            seen.append(f"{trainer.global_step} {kit.describe(kit.weights(module))}")

        beside = type("Beside", (L.Callback,), {"on_train_batch_end": after})()
        module = Own()
        trainer = kit.trainer(L, out, callbacks=[average, *more, beside], **{"max_epochs": 2, **arguments})
        trainer.fit(module, kit.loader(), kit.val_loader(), ckpt_path=ckpt_path)
        averaged = int(average._average_model.n_averaged)
        return kit.summary(trainer, module, seen=seen, averaged=averaged)

    kinds = L.callbacks
    result = {
        "equal": train(kinds.WeightAveraging(), val_check_interval=3),
        "ema": train(kinds.EMAWeightAveraging(decay=0.6), accumulate_grad_batches=2),
        "every second": train(kinds.EMAWeightAveraging(decay=0.6, update_every_n_steps=2), accumulate_grad_batches=3),
        "by own rule": train(Asked(avg_fn=lambda kept, new, count: 0.5 * kept + 0.5 * new), accumulate_grad_batches=2),
        "late": train(kinds.EMAWeightAveraging(update_starting_at_step=100)),
    }
    result["asked"] = asked
    average = kinds.EMAWeightAveraging(decay=0.6)
    result["saving"] = train(average, Saves())
    result["resumed"] = train(kinds.EMAWeightAveraging(decay=0.6), ckpt_path=out / "a.ckpt", max_epochs=3)
    module = kit.module_class(L)
    saved = module.load_from_checkpoint(out / "a.ckpt")
    result["loaded"] = kit.weights(saved)
    for name, callbacks in (("tested by another", [kinds.EMAWeightAveraging()]), ("tested by none", [])):
        trainer = kit.trainer(L, out, callbacks=callbacks)
        fresh = module()
        trainer.test(fresh, kit.val_loader(), ckpt_path=out / "a.ckpt", verbose=False)
        result[name] = kit.weights(fresh)
    own = kinds.EMAWeightAveraging(decay=0.6)
    trainer = kit.trainer(L, out, callbacks=[own], max_epochs=1)
    fresh = module()
    trainer.fit(fresh, kit.loader(), kit.val_loader())
    trainer.test(fresh, kit.val_loader(), ckpt_path=out / "a.ckpt", verbose=False)
    result["tested by the trainer that trained"] = kit.weights(fresh)
    trainer.validate(fresh, kit.val_loader(), ckpt_path=out / "a.ckpt", verbose=False)
    result["weights after validate"] = kit.weights(fresh)
    result["own state"] = own.state_dict()
    plain = kit.trainer(L, out, max_epochs=1)
    torch.manual_seed(4)
    plain.fit(module(), kit.loader())
    plain.save_checkpoint(out / "plain.ckpt")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result["from a plain one"] = train(kinds.EMAWeightAveraging(decay=0.6), ckpt_path=out / "plain.ckpt")
    result["says so"] = any("saved without" in str(w.message) or "not created with" in str(w.message) for w in caught)
    wrong = kit.attempt(lambda: kinds.EMAWeightAveraging(decay=2.0))
    return {**result, "wrong decay": wrong}
