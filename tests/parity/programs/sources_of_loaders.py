"""Loaders from the call, the module and the data module, in every combination that there is."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from tests.parity import toolkit as kit

NAMES = ("train_dataloader", "val_dataloader", "test_dataloader", "predict_dataloader")


def program(L: Any, out: Path) -> dict[str, Any]:
    asked: list[str] = []
    sizes = {"train_dataloader": 3, "val_dataloader": 2, "test_dataloader": 4, "predict_dataloader": 5}

    def methods(who: str, names: tuple[str, ...]) -> dict[str, Any]:
        def asking(name: str) -> Any:
            return lambda self: (asked.append(f"{who}.{name}"), kit.loader(sizes[name]))[1]

        return {name: asking(name) for name in names}

    def module(*names: str) -> Any:
        return type("Net", (kit.module_class(L),), methods("module", names))()

    def data(*names: str) -> Any:
        return type("Data", (L.LightningDataModule,), methods("data", names))()

    def from_attributes(*names: str) -> Any:
        made = L.LightningDataModule()
        for name in names:
            setattr(made, name, lambda name=name: (asked.append(f"attribute {name}"), kit.loader(3))[1])
        return made

    train, val = NAMES[:2]
    fits: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
        "module alone": (module(*NAMES), (), {}),
        "training given": (module(*NAMES), (kit.loader(5),), {}),
        "validation given": (module(*NAMES), (None, kit.loader(5)), {}),
        "both given": (module(*NAMES), (kit.loader(5), kit.loader(5)), {}),
        "all from the data module": (module(*NAMES), (), {"datamodule": data(*NAMES)}),
        "data module first": (module(*NAMES), (data(*NAMES),), {}),
        "data module with training alone": (module(*NAMES), (), {"datamodule": data(train)}),
        "data module with validation alone": (module(*NAMES), (), {"datamodule": data(val)}),
        "empty data module": (module(*NAMES), (), {"datamodule": data()}),
        "data module of attributes": (module(), (), {"datamodule": from_attributes(train, val)}),
        "data module and training": (module(), (kit.loader(5),), {"datamodule": data(*NAMES)}),
        "data module and validation": (module(), (None, kit.loader(5)), {"datamodule": data(*NAMES)}),
        "data module first and validation": (module(), (data(*NAMES), kit.loader(5)), {}),
        "nothing": (module(), (), {}),
        "validation alone": (module(val), (), {}),
    }
    result: dict[str, Any] = {}
    for name, (net, args, keywords) in fits.items():
        trainer = kit.trainer(L, out, max_epochs=1)
        error = kit.attempt(partial(trainer.fit, net, *args, **keywords))
        result[name] = [error, None if error else list(asked), None if error else kit.counters(trainer)]
        asked.clear()
    for entry in ("validate", "test", "predict"):
        quiet = {} if entry == "predict" else {"verbose": False}
        evaluations = {
            "module alone": (module(*NAMES), (), {}),
            "given": (module(*NAMES), (kit.loader(3),), {}),
            "data module": (module(*NAMES), (), {"datamodule": data(*NAMES)}),
            "data module first": (module(*NAMES), (data(*NAMES),), {}),
            "empty data module": (module(*NAMES), (), {"datamodule": data()}),
            "both": (module(), (kit.loader(3),), {"datamodule": data(*NAMES)}),
            "nothing": (module(), (), {}),
        }
        for name, (net, args, keywords) in evaluations.items():
            call = partial(getattr(kit.trainer(L, out), entry), net, *args, **keywords, **quiet)
            answer = kit.attempt(call)
            result[f"{entry} {name}"] = ["an error" if answer == "an error" else "done", list(asked)]
            asked.clear()
    for name, returned in {"None": None, "a number": 5, "an empty list": []}.items():
        for method in NAMES[:2]:
            body = methods("module", NAMES[:2]) | {method: lambda self, returned=returned: returned}
            net = type("Net", (kit.module_class(L),), body)()
            error = kit.attempt(partial(kit.trainer(L, out, max_epochs=1, num_sanity_val_steps=0).fit, net))
            result[f"{method} returns {name}"] = error
    return result
