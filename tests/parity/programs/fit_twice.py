"""The same trainer used again: fit, fit, validate, fit of another module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit


def program(L: Any, out: Path) -> dict[str, Any]:
    recorder = kit.Recorder(L, metrics=True)
    Net = recorder.watch(kit.module_class(L), "M")
    module = Net()
    trainer = kit.trainer(L, out, max_epochs=1, callbacks=[recorder.callback()], logger=recorder.logger())
    result: dict[str, Any] = {}
    trainer.fit(module, kit.loader(5), kit.val_loader(3))
    result["first"] = kit.summary(trainer, module)
    trainer.fit(module, kit.loader(5), kit.val_loader(3))
    result["again"] = kit.summary(trainer, module)
    trainer.validate(module, kit.val_loader(3), verbose=False)
    other = Net()
    trainer.fit(other, kit.loader(5), kit.val_loader(3))
    result["another"] = kit.summary(trainer, other)
    return result | {"trace": recorder.trace}
