"""A module and a data module that override every hook there is, each recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L)

    class Data(L.LightningDataModule):
        def train_dataloader(self) -> Any:
            return kit.loader(3)

        def val_dataloader(self) -> Any:
            return kit.loader(2)

        def test_dataloader(self) -> Any:
            return kit.loader(2)

        def predict_dataloader(self) -> Any:
            return kit.loader(2)

    everything = (*kit.OPTIMIZING, *kit.MODES, *kit.CONFIGURING)
    module = recorder.watch(kit.module_class(L), "M", also=everything)()
    data = recorder.watch(Data, "D", also=kit.TRANSFER)()
    trainer = kit.trainer(L, out, max_epochs=1, gradient_clip_val=0.5, callbacks=[recorder.callback()])
    trainer.fit(module, data)
    trainer.validate(module, data, verbose=False)
    trainer.test(module, data, verbose=False)
    predictions = trainer.predict(module, data)
    return kit.summary(trainer, module, recorder, predictions=predictions)
