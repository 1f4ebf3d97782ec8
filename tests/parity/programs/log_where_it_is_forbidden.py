"""self.log in each hook that does not allow it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

HOOKS = ("setup", "teardown", "on_fit_start", "on_fit_end", "on_train_end", "on_validation_end", "configure_optimizers")
HOOKS += ("on_save_checkpoint", "on_load_checkpoint", "on_test_end", "on_predict_start", "on_predict_batch_end")
HOOKS += ("on_predict_epoch_end", "predict_step", "train_dataloader", "on_before_batch_transfer", "prepare_data")


def program(L: Any, out: Path) -> dict[str, Any]:
    result = {}
    for name in HOOKS:
        raised = []

        def hook(self: Any, *args: Any, name: str = name, raised: list[str] = raised, **kwargs: Any) -> Any:
            raised.append(kit.attempt(lambda: self.log("value", 1.0)))
            if name == "train_dataloader":
                return kit.loader(2)
            return getattr(super(type(self), self), name)(*args, **kwargs)

        module = type("Chatty", (kit.module_class(L),), {name: hook})()
        trainer = kit.trainer(L, out / name, max_epochs=1, num_sanity_val_steps=0)
        trainer.fit(module, None if name == "train_dataloader" else kit.loader(2), kit.loader(2))
        trainer.save_checkpoint(out / name / "saved.ckpt")
        trainer.test(module, kit.loader(2), verbose=False)
        trainer.predict(module, kit.loader(2))
        type(module).load_from_checkpoint(out / name / "saved.ckpt")
        result[name] = raised
    return result
