"""Steps with a parameter named dataloader_iter: they take their batches themselves, one, two or all they can get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

OTHER = "Lightning clears the gradients by the number of the batch before, in the middle of a window"
DIFFERS = {"windows.metrics*": OTHER, "windows.weights*": OTHER, "windows.predictions*": OTHER}


def program(L: Any, out: Path) -> dict[str, Any]:
    class Taking(L.LightningModule):
        def __init__(self, count: int) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.layer = torch.nn.Linear(2, 1)
            self.count = count
            self.taken: list[Any] = []

        def take(self, batches: Any) -> Any:
            for _ in range(self.count):
                batch, *place = next(batches)
                self.taken.append(place)
            return self.layer(batch).pow(2).mean()

        def training_step(self, dataloader_iter: Any) -> Any:
            loss = self.take(dataloader_iter)
            self.log("loss", loss, on_epoch=True, batch_size=2)
            return loss

        def validation_step(self, dataloader_iter: Any) -> Any:
            self.log("val", self.take(dataloader_iter), batch_size=1)

        def predict_step(self, dataloader_iter: Any) -> Any:
            return self.take(dataloader_iter)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    class Seen(L.Callback):
        def __init__(self) -> None:
            self.lines: list[Any] = []

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            self.lines.append(["start", self.of(batch), batch_idx, trainer.global_step])

        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            self.lines.append(["end", self.of(batch), batch_idx, trainer.global_step, trainer.is_last_batch])

        def on_validation_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
        ) -> None:
            self.lines.append(["validated", self.of(batch), batch_idx, dataloader_idx])

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            self.lines.append(["epoch", trainer.current_epoch])

        @staticmethod
        def of(batch: Any) -> Any:
            return None if batch is None else batch.tolist()

    def loader(length: int) -> Any:
        return torch.utils.data.DataLoader(torch.arange(2.0 * length).reshape(length, 2) / length)

    cases: dict[str, tuple[int, int, dict[str, Any]]] = {
        "one": (1, 4, {}),
        "two": (2, 4, {}),
        "two of an odd number": (2, 5, {}),
        "windows": (1, 5, {"accumulate_grad_batches": 2}),
        "limited": (2, 7, {"limit_train_batches": 4, "limit_val_batches": 2}),
        "often validated": (1, 4, {"val_check_interval": 2, "num_sanity_val_steps": 2}),
    }
    result: dict[str, Any] = {}
    for name, (count, length, arguments) in cases.items():
        module, seen = Taking(count), Seen()
        trainer = kit.trainer(L, out, max_epochs=2, callbacks=[seen], **arguments)
        trainer.fit(module, loader(length), loader(4))
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        result[name] = {"lines": seen.lines, "taken": module.taken, "metrics": metrics}
        result[name]["weights"] = module.layer.weight.tolist()
        result[name]["predictions"] = [float(value) for value in trainer.predict(module, loader(4))]
    return result
