"""What a checkpoint holds, seen in on_save_checkpoint and again in on_load_checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

COUNTS = (
    "Lightning's counts within an epoch that is over; Leyden derives the view from its own State, which forgets them"
)
DIFFERS = {
    "random": "a resume goes on with the random numbers of the save, not with those that happen to be there",
    "seen.*.epoch_loop.batch_progress.current.*": COUNTS,
    "seen.*.epoch_loop.scheduler_progress.*": COUNTS,
}


def outline(value: Any) -> Any:
    """The keys and types of a tree; numbers and text as they are, tensors by their bytes."""
    if isinstance(value, dict):
        return {str(key): outline(item) for key, item in value.items() if key not in ("leyden", "random")}
    if isinstance(value, list | tuple):
        return [outline(item) for item in value]
    return value if isinstance(value, torch.Tensor | int | float | str | None) else type(value).__name__


def program(L: Any, out: Path) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def saw(what: str, value: Any) -> None:
        seen[f"{what} {sum(key.startswith(what) for key in seen)}"] = outline(value)

    class Saving(kit.module_class(L)):
        def __init__(self, lr: float = 0.1, names: tuple[str, ...] = ("a", "b")) -> None:
            super().__init__(lr)
            self.save_hyperparameters()
            self.register_buffer("count", torch.zeros((), dtype=torch.int64))

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.Adam(self.parameters(), lr=self.lr)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

        def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            saw("saved", checkpoint)
            checkpoint["mine"] = {"value": 3, "tensor": torch.arange(3)}

        def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            saw("loaded", checkpoint)

    class Keeping(L.Callback):
        def state_dict(self) -> dict[str, Any]:
            return {"kept": [1, (2.5, None)]}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            saw("state", state_dict)

        def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
            checkpoint["callback's"] = torch.ones(2)

        def on_load_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
            saw("callback's", checkpoint["callback's"])

    class Data(L.LightningDataModule):
        def train_dataloader(self) -> Any:
            return kit.loader(5)

        def state_dict(self) -> dict[str, Any]:
            return {"position": 4}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            saw("data", state_dict)

    trainer = kit.trainer(L, out, max_epochs=2, callbacks=[Keeping()])
    module = Saving()
    trainer.fit(module, Data())
    trainer.save_checkpoint(out / "full.ckpt")
    trainer.save_checkpoint(out / "weights.ckpt", weights_only=True)
    loaded = Saving.load_from_checkpoint(out / "full.ckpt", lr=0.5)
    again = kit.trainer(L, out, max_epochs=3, callbacks=[Keeping()])
    resumed = Saving()
    again.fit(resumed, Data(), ckpt_path=out / "full.ckpt")
    for what, part in seen.items():
        if what.startswith(("saved", "loaded")):
            part["pytorch-lightning_version"] = type(part["pytorch-lightning_version"]).__name__
    result = {"seen": seen, "loaded": kit.weights(loaded), "hparams": dict(loaded.hparams), "lr": loaded.lr}
    return result | kit.summary(again, resumed, path=again.ckpt_path)
