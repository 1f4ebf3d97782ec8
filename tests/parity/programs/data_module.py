"""A data module with everything in it: setup by stage, own transfer, teardown, and hooks of the module beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L)

    class Data(L.LightningDataModule):
        def __init__(self) -> None:
            super().__init__()
            self.parts: dict[str, int] = {}

        def prepare_data(self) -> None:
            recorder.trace.append(f"prepared, trainer attached: {self.trainer is not None}")

        def setup(self, stage: str) -> None:
            self.parts[stage] = self.parts.get(stage, 0) + 1

        def train_dataloader(self) -> Any:
            return kit.loader(5)

        def val_dataloader(self) -> Any:
            return [kit.loader(2), kit.loader(3)]

        def test_dataloader(self) -> Any:
            return kit.loader(3)

        def predict_dataloader(self) -> Any:
            return kit.loader(3)

        def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
            return [batch[0] * 2, batch[1]]

        def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
            return [batch[0] + dataloader_idx, batch[1]]

    class Net(kit.module_class(L)):
        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("val_loss", self.loss(batch))

        def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
            recorder.trace.append(f"the module moves {kit.describe(batch)} to {device}")
            return super().transfer_batch_to_device(batch, device, dataloader_idx)

    module, data = recorder.watch(Net, "M")(), recorder.watch(Data, "D")()
    trainer = kit.trainer(L, out, max_epochs=2, callbacks=[recorder.callback()])
    trainer.fit(module, datamodule=data)
    result = kit.summary(trainer, module)
    result["validated"] = trainer.validate(module, datamodule=data, verbose=False)
    result["tested"] = trainer.test(module, datamodule=data, verbose=False)
    result["predicted"] = trainer.predict(module, datamodule=data)
    return result | {"trace": recorder.trace, "parts": data.parts, "attached": trainer.datamodule is data}
