"""save_hyperparameters in its forms, what hparams shows, and load_from_checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    base = kit.module_class(L)

    class Plain(base):
        def __init__(self, lr: float, width: int = 4, *args: Any, name: str = "n", **kwargs: Any) -> None:
            super().__init__(lr)
            self.save_hyperparameters()

    class Ignoring(base):
        def __init__(self, lr: float, width: int = 4, secret: str = "s") -> None:
            super().__init__(lr)
            self.save_hyperparameters(ignore=["secret"])

    class Some(base):
        def __init__(self, lr: float, width: int = 4, name: str = "n") -> None:
            super().__init__(lr)
            self.save_hyperparameters("lr", "name")

    class Whole(base):
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(config["lr"])
            self.save_hyperparameters(config)

    class Child(Plain):
        def __init__(self, extra: int = 1, lr: float = 0.25, **kwargs: Any) -> None:
            super().__init__(lr=lr, **kwargs)
            self.save_hyperparameters()

    class Quiet(base):
        def __init__(self, lr: float = 0.1) -> None:
            super().__init__(lr)
            self.save_hyperparameters(logger=False)

    class Data(L.LightningDataModule):
        def __init__(self, size: int = 5, kind: str = "k") -> None:
            super().__init__()
            self.save_hyperparameters()

        def train_dataloader(self) -> Any:
            return kit.loader(self.hparams.size)

    made = {"plain": Plain(0.5, 3, name="x", more=2), "ignoring": Ignoring(0.5, secret="t"), "some": Some(0.5, 9)}
    made |= {"whole": Whole({"lr": 0.3, "nested": {"a": [1, 2]}}), "child": Child(7, name="c"), "quiet": Quiet()}
    loading = {"plain": {}, "ignoring": {"secret": "u"}, "some": {"width": 8}, "whole": {"config": {"lr": 0.3}}}
    loading |= {"child": {"extra": 9}, "quiet": {}}
    result = {}
    for name, module in made.items():
        recorder = kit.Recorder(L, facts=False)
        data = Data(3)
        trainer = kit.trainer(L, out, max_epochs=1, logger=recorder.logger())
        trainer.fit(module, data)
        path = out / f"{name}.ckpt"
        trainer.save_checkpoint(path)
        again = type(module).load_from_checkpoint(path, **loading[name])
        result[name] = {"hparams": dict(module.hparams), "initial": dict(module.hparams_initial)}
        result[name] |= {
            "trace": recorder.trace,
            "again": dict(again.hparams),
            "lr": again.lr,
            "weights": kit.weights(again),
        }
        result[name] |= {"data": dict(Data.load_from_checkpoint(path).hparams), "attribute": module.hparams.get("lr")}
    return result
