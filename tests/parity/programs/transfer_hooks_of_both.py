"""Transfer hooks on module and data module, in every mixture; each is told the number of the loader."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

HOOKS = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")


def program(L: Any, out: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}

    def bodies(amounts: dict[str, float]) -> dict[str, Any]:
        def before(self: Any, batch: Any, dataloader_idx: int) -> Any:
            return [batch[0] * amounts["on_before_batch_transfer"], batch[1] + dataloader_idx]

        def transfer(self: Any, batch: Any, device: Any, dataloader_idx: int) -> Any:
            return [batch[0].to(device) + amounts["transfer_batch_to_device"], batch[1].to(device)]

        def after(self: Any, batch: Any, dataloader_idx: int) -> Any:
            return [batch[0] * amounts["on_after_batch_transfer"], batch[1] - 2 * dataloader_idx]

        given = dict(zip(HOOKS, (before, transfer, after), strict=True))
        return {name: given[name] for name in amounts}

    class Loaders(L.LightningDataModule):
        def train_dataloader(self) -> Any:
            return kit.loader(3)

        def val_dataloader(self) -> Any:
            return [kit.val_loader(3), kit.val_loader(2)]

        def predict_dataloader(self) -> Any:
            return {"a": kit.val_loader(2), "b": kit.val_loader(1)}

    class Net(kit.module_class(L)):
        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("val_loss", self.loss(batch))

        def predict_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Any:
            return self(batch[0])

    sides = ("neither", "module", "data", "both")
    for before, transfer, after in product(sides, repeat=3):
        chosen = dict(zip(HOOKS, (before, transfer, after), strict=True))
        of_module = {name: 2.0 for name, side in chosen.items() if side in ("module", "both")}
        of_data = {name: 3.0 for name, side in chosen.items() if side in ("data", "both")}
        recorder = kit.Recorder(L, facts=len(of_module) == len(of_data) == 3)
        own_net = type("Net", (Net,), {**bodies(of_module), "__module__": Net.__module__})
        own_data = type("Data", (Loaders,), {**bodies(of_data), "__module__": Net.__module__})
        module = recorder.watch(own_net, "M", only=of_module)()
        data = recorder.watch(own_data, "D", only=of_data)()
        trainer = kit.trainer(L, out, max_epochs=1, num_sanity_val_steps=1)
        trainer.fit(module, datamodule=data)
        predicted = trainer.predict(module, datamodule=data)
        case = f"{before} {transfer} {after}"
        result[case] = {"trace": recorder.trace, "metrics": kit.metrics(trainer), "predicted": predicted}
    return result
