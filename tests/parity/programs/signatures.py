"""Steps that take fewer arguments, or more, or by other names."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

DIFFERS = {
    "Named, loaders: 2.*": "the third argument of a step is the number of the loader by its place, whatever its name",
}


def program(L: Any, out: Path) -> dict[str, Any]:
    base = kit.module_class(L)

    class Short(base):
        def training_step(self, batch: Any) -> Any:
            return self.loss(batch)

        def validation_step(self, batch: Any) -> None:
            self.log("val_loss", self.loss(batch))

        def predict_step(self, batch: Any) -> Any:
            return self(batch[0])

    class Named(base):
        def training_step(self, data: Any, number: int) -> Any:
            return self.loss(data) * (1 + number)

        def validation_step(self, data: Any, number: int, loader: int = 0) -> None:
            self.log("val_loss", self.loss(data) * (1 + number))

    class Defaults(base):
        def training_step(self, batch: Any, batch_idx: int = 7, factor: float = 2.0) -> Any:
            return self.loss(batch) * (1 + batch_idx) * factor

        def validation_step(self, batch: Any, batch_idx: int = 7, dataloader_idx: int = 3) -> None:
            self.log("val_loss", self.loss(batch) * (1 + batch_idx + 10 * dataloader_idx))

    class Several(base):
        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("val_loss", self.loss(batch) * (1 + dataloader_idx))

    class Star(base):
        def training_step(self, *args: Any) -> Any:
            return self.loss(args[0]) * len(args)

        def validation_step(self, *args: Any) -> None:
            self.log("val_loss", self.loss(args[0]) * len(args))

    class Keywords(base):
        def training_step(self, batch: Any, batch_idx: int, **kwargs: Any) -> Any:
            return self.loss(batch) * (1 + len(kwargs))

        def validation_step(self, batch: Any, batch_idx: int, **kwargs: Any) -> None:
            self.log("val_loss", self.loss(batch) * (1 + len(kwargs)))

    class Forward(base):
        def __getattribute__(self, name: str) -> Any:
            return super(base, self).predict_step if name == "predict_step" else super().__getattribute__(name)

        def forward(self, batch: Any) -> Any:
            return self.net(batch[0] if isinstance(batch, list) else batch)

    result = {}
    for cls in (Short, Named, Defaults, Several, Star, Keywords, Forward):
        for loaders in (kit.val_loader(), [kit.val_loader(), kit.val_loader(3)]):
            torch.manual_seed(1)
            module = cls()
            trainer = kit.trainer(L, out, max_epochs=1)
            error = kit.attempt(partial(trainer.fit, module, kit.loader(), loaders))
            found = {} if error else kit.summary(trainer, module)
            found["predicted"] = kit.attempt(partial(trainer.predict, module, loaders))
            number = len(loaders) if isinstance(loaders, list) else 1
            result[f"{cls.__name__}, loaders: {number}"] = found | {"error": error}
    return result
