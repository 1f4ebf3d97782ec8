"""BaseFinetuning and BackboneFinetuning: what trains from which epoch on, and with which learning rate."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit
from torch import nn

DIFFERS = {
    "resumed*": "a resumed run trains what was unfrozen before the save; in Lightning that is frozen again",
}


def program(L: Any, out: Path) -> dict[str, Any]:
    base = kit.module_class(L)

    class Model(base):  # type: ignore[misc, valid-type]
        def __init__(self, trains: str = "own") -> None:
            super().__init__()
            self.backbone = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
            self.trains = trains

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(self.backbone(x))

        def configure_optimizers(self) -> Any:
            chosen = [p for p in self.parameters() if p.requires_grad or self.trains == "all"]
            optimizer = torch.optim.SGD(chosen, lr=0.1, momentum=0.9)
            if self.trains != "scheduled":
                return optimizer
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)]

    def run(callback: Any, trains: str = "own", epochs: int = 4, ckpt_path: Any = None) -> dict[str, Any]:
        torch.manual_seed(3)
        seen: list[Any] = []

        class Looking(L.Callback):
            def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
                groups = trainer.optimizers[0].param_groups
                seen.append([(len(group["params"]), group["lr"]) for group in groups])
                seen.append([[p.requires_grad for p in module.parameters()], module.backbone[1].track_running_stats])

            def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
                seen.append(kit.describe(kit.weights(module)))
                if trainer.current_epoch == 2 and ckpt_path is None:
                    trainer.save_checkpoint(out / "a.ckpt")

        module = Model(trains)
        trainer = kit.trainer(L, out, callbacks=[callback, Looking()], max_epochs=epochs)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            trainer.fit(module, kit.loader(12), kit.val_loader(), ckpt_path=ckpt_path)
        again = any("already" in str(warning.message) for warning in caught)
        return kit.summary(trainer, module, seen=seen, told_of_parameters_it_has=again)

    asked: list[int] = []

    def threefold(epoch: int) -> float:
        asked.append(epoch)
        return 3.0

    class Layers(L.callbacks.BaseFinetuning):
        def freeze_before_training(self, pl_module: Any) -> None:
            asked.append(-1)
            self.freeze(pl_module.backbone, train_bn=False)

        def finetune_function(self, pl_module: Any, epoch: int, optimizer: Any) -> None:
            asked.append(epoch)
            if epoch == 1:
                self.unfreeze_and_add_param_group(pl_module.backbone[2], optimizer, lr=0.03)
            if epoch == 2:
                self.unfreeze_and_add_param_group(
                    pl_module.backbone[:2], optimizer, initial_denom_lr=2.0, train_bn=False
                )

    backbone = L.callbacks.BackboneFinetuning
    result = {
        "backbone": run(backbone(1)),
        "by a function": run(backbone(1, lambda_func=threefold), epochs=6),
        "not aligned": run(backbone(2, lambda_func=lambda epoch: 30.0, should_align=False)),
        "first rate": run(backbone(2, backbone_initial_lr=0.05, train_bn=False)),
        "ratio": run(backbone(0, backbone_initial_ratio_lr=0.5)),
        "scheduled": run(backbone(1), "scheduled"),
        "all in the optimizer": run(backbone(1), "all"),
        "never": run(backbone(10)),
        "layers": run(Layers()),
        "resumed": run(Layers(), ckpt_path=out / "a.ckpt"),
        "asked": asked,
    }

    class Headless(base):  # type: ignore[misc, valid-type]
        pass

    trainer = kit.trainer(L, out, callbacks=[backbone()], max_epochs=1)
    result["no backbone"] = kit.attempt(lambda: trainer.fit(Headless(), kit.loader()))
    finetuning, one = L.callbacks.BaseFinetuning, Model()
    result["layers of it"] = [type(layer).__name__ for layer in finetuning.flatten_modules([one.net, [one.backbone]])]
    result["of a dict"] = [type(layer).__name__ for layer in finetuning.flatten_modules(nn.ModuleDict({"a": one.net}))]
    for name, act in (
        ("freeze", lambda: finetuning.freeze(one.backbone)),
        ("freeze all", lambda: finetuning.freeze(one.backbone, train_bn=False)),
        ("own alone", lambda: finetuning.freeze_module(one.net)),
        ("one layer", lambda: finetuning.freeze_module(one.net[0])),
        ("train", lambda: finetuning.make_trainable(one)),
    ):
        act()
        flags = [parameter.requires_grad for parameter in one.parameters()]
        some = [len(list(finetuning.filter_params(one, bn, grad))) for bn in (True, False) for grad in (True, False)]
        result[name] = [flags, some, one.backbone[1].track_running_stats]
    return result
