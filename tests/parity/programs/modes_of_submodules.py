"""Training flags: a frozen part stays in eval mode, and overrides of the model_eval and model_train hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    base = kit.module_class(L)

    class Frozen(base):
        def __init__(self) -> None:
            super().__init__()
            self.net.insert(1, torch.nn.Dropout(0.5))
            self.norm = torch.nn.BatchNorm1d(3)
            self.norm.eval()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(self.norm(x))

    class Eval(Frozen):
        def on_validation_model_eval(self) -> None:
            self.net.eval()

    class Train(Frozen):
        def on_validation_model_train(self) -> None:
            self.train()

    result = {}
    for cls in (Frozen, Eval, Train):
        modes: list[str] = []

        def look(moment: str, modes: list[str] = modes) -> Any:
            def hook(self: Any, trainer: Any, pl_module: Any, *args: Any, **kwargs: Any) -> None:
                modes.append(f"{moment} {''.join('t' if part.training else 'e' for part in pl_module.modules())}")

            return hook

        moments = ("on_fit_start", "on_sanity_check_end", "on_train_start", "on_train_batch_start")
        moments += (
            "on_validation_start",
            "on_validation_end",
            "on_train_epoch_end",
            "on_fit_end",
            "on_test_start",
            "on_test_end",
            "teardown",
        )
        callback = type("Look", (L.Callback,), {moment: look(moment) for moment in moments})()
        module = cls()
        trainer = kit.trainer(L, out, max_epochs=2, callbacks=[callback])
        trainer.fit(module, kit.loader(4), kit.val_loader(4))
        trainer.test(module, kit.val_loader(3), verbose=False)
        result[cls.__name__] = kit.summary(trainer, module, modes=modes)
        module.eval()
        trainer = kit.trainer(L, out, max_epochs=1, callbacks=[callback])
        trainer.fit(module, kit.loader(4), kit.val_loader(4))
        result[cls.__name__]["started in eval"] = list(modes)
    return result
