"""LearningRateMonitor: what optimizers, schedulers and parameter groups are called, and what is beside a rate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tests.parity import toolkit as kit

OPTIM = torch.optim
SCHED = torch.optim.lr_scheduler


def groups(module: Any, *names: str | None) -> Any:
    layers = zip((module.net[0], module.net[2]), names, strict=True)
    return OPTIM.SGD([{"params": p.parameters(), "lr": 0.1} | ({"name": n} if n else {}) for p, n in layers])


def halves(module: Any) -> tuple[Any, Any]:
    return OPTIM.SGD(module.net[0].parameters(), lr=0.1), OPTIM.SGD(module.net[2].parameters(), lr=0.2)


def with_schedulers(optimizers: Any, *schedulers: Any) -> Any:
    return list(optimizers), list(schedulers)


def named(optimizer: Any, name: str | None, interval: str = "epoch") -> dict[str, Any]:
    return {"scheduler": SCHED.StepLR(optimizer, 1), "name": name, "interval": interval}


def pair(form: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    return lambda module: form(*halves(module))


SINGLE: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda m: OPTIM.SGD(m.parameters(), lr=0.1, momentum=0.7, weight_decay=0.3),
    "adamw": lambda m: OPTIM.AdamW(m.parameters(), lr=0.1, betas=(0.8, 0.9)),
    "adagrad": lambda m: OPTIM.Adagrad(m.parameters(), lr=0.1),
    "groups": lambda m: groups(m, None, None),
    "groups with names": lambda m: groups(m, "body", "head"),
    "one group with a name": lambda m: groups(m, "body", None),
    "a name": lambda m: (lambda o: with_schedulers([o], named(o, "mine")))(groups(m, "body", None)),
    "two schedulers": lambda m: (lambda o: with_schedulers([o], named(o, None), named(o, None)))(groups(m, None, None)),
    "two names": lambda m: (lambda o: with_schedulers([o], named(o, "a"), named(o, "b")))(groups(m, None, None)),
    "a name and none": lambda m: (lambda o: with_schedulers([o], named(o, "a"), named(o, None)))(groups(m, None, None)),
    "one cycle": lambda m: (
        lambda o: with_schedulers([o], {"scheduler": SCHED.OneCycleLR(o, 0.1, total_steps=30), "interval": "step"})
    )(OPTIM.Adam(m.parameters())),
    "nothing": lambda m: None,
}
SEVERAL: dict[str, Callable[[Any], Any]] = {
    "two": pair(lambda a, b: [a, b]),
    "two types": lambda m: [halves(m)[0], OPTIM.Adam(m.net[2].parameters(), lr=0.3)],
    "the second has a scheduler": pair(lambda a, b: with_schedulers((a, b), named(b, None))),
    "the first has a name": pair(lambda a, b: with_schedulers((a, b), named(a, "mine"), named(b, None, "step"))),
    "both have schedulers": pair(lambda a, b: with_schedulers((a, b), named(a, None), named(b, None, "step"))),
}


def module_class(L: Any, form: Callable[[Any], Any], manual: bool, late: str | None = None) -> type:
    class Configured(kit.module_class(L)):
        automatic_optimization = not manual

        def configure_optimizers(self) -> Any:
            return form(self)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            if not manual:
                return self.loss(batch)
            for optimizer in self.optimizers():
                optimizer.zero_grad()
            self.manual_backward(self.loss(batch))
            for optimizer in self.optimizers():
                optimizer.step()
            return None

        def on_train_epoch_start(self) -> None:
            if late is not None and self.current_epoch == 1:
                group = {"params": self.net[2].parameters(), "lr": 0.5} | ({"name": late} if late else {})
                self.trainer.optimizers[0].add_param_group(group)

    return Configured


def program(L: Any, out: Path) -> dict[str, Any]:
    late = {"a group is added": "", "a named group is added": "new"}
    cases = {name: module_class(L, form, manual=False) for name, form in SINGLE.items()}
    cases |= {name: module_class(L, form, manual=True) for name, form in SEVERAL.items()}
    cases |= {name: module_class(L, lambda m: halves(m)[0], manual=False, late=new) for name, new in late.items()}
    result = {}
    for name, kind in cases.items():
        monitor = L.callbacks.LearningRateMonitor(log_momentum=True, log_weight_decay=True)
        recorder = kit.Recorder(L)
        module = kind()
        settings = {"max_epochs": 2, "log_every_n_steps": 2, "limit_val_batches": 0, "logger": recorder.logger()}
        trainer = kit.trainer(L, out, callbacks=[monitor], **settings)
        trainer.fit(module, kit.loader(9))
        more = {"rates": monitor.lrs, "shown": dict(trainer.callback_metrics)}
        result[name] = {"trace": recorder.trace} | more

    monitor = L.callbacks.LearningRateMonitor()
    twice = module_class(L, lambda m: groups(m, "same", "same"), manual=False)()
    trainer = kit.trainer(L, out, callbacks=[monitor], max_epochs=1, logger=kit.Recorder(L).logger())
    result["two of a name"] = kit.attempt(lambda: trainer.fit(twice, kit.loader(9)))
    result["an interval that is none"] = kit.attempt(lambda: L.callbacks.LearningRateMonitor(logging_interval="batch"))
    return result
