"""Every form of save_hyperparameters: what hparams and hparams_initial hold, and which calls are errors."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

SAME = "held by a module that has an argument of the same name"
DIFFERS = {
    f"{SAME}.*.b": "Lightning takes the outer module's value; with Leyden it is the one that the object was given"
}


def program(L: Any, out: Path) -> dict[str, Any]:
    module = L.LightningModule

    def saving(*args: Any, **kwargs: Any) -> type:
        class Saving(module):
            def __init__(self, a: Any = 1, b: Any = 2, /, *rest: Any, c: Any = 3, **more: Any) -> None:
                super().__init__()
                self.save_hyperparameters(*args, **kwargs)

        return Saving

    class Given(module):
        def __init__(self, conf: Any, b: int = 2) -> None:
            super().__init__()
            self.save_hyperparameters(conf)

    class Base(module):
        def __init__(self, a: int = 1, b: int = 2, **kwargs: Any) -> None:
            super().__init__()
            self.save_hyperparameters()

    class Passing(Base):
        def __init__(self, a: int = 3, c: int = 4) -> None:
            super().__init__(a=a + 10, b=77, extra=5)

    class Last(Passing):
        def __init__(self, e: int = 5, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.save_hyperparameters(ignore="b")

    class Early(Base):
        def __init__(self, e: int = 5) -> None:
            self.save_hyperparameters()
            super().__init__()

    class Helped(module):
        def __init__(self, a: int = 1) -> None:
            super().__init__()
            a = a + 1
            self.keep("z")

        def keep(self, z: str) -> None:
            def inner(y: int) -> None:
                self.save_hyperparameters()

            inner(1)

    class Several(module):
        def __init__(self, a: list[int], b: int = 2) -> None:
            super().__init__()
            self.save_hyperparameters("a")
            a.append(1)
            self.hparams.new = 5
            self.save_hyperparameters({"b": 3, "q": a}, logger=False)
            self.hparams["late"] = 6
            a.append(2)

    def decorated(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
            function(self, *args, **kwargs)

        return wrapper

    class Decorated(module):
        @decorated
        def __init__(self, a: int = 1, b: int = 2) -> None:
            super().__init__()
            self.save_hyperparameters()

    @dataclasses.dataclass(eq=False)
    class Fields(module):
        a: int
        b: list[int] = dataclasses.field(default_factory=list)
        c: int = dataclasses.field(default=3, init=False)

        def __post_init__(self) -> None:
            super().__init__()
            self.save_hyperparameters()

    class Data(L.LightningDataModule):
        def __init__(self, a: int = 1, **kwargs: Any) -> None:
            super().__init__()
            self.save_hyperparameters()

    class Holding(module):
        def __init__(self, held: int, b: int = 7, **kwargs: Any) -> None:
            super().__init__()
            self.inner = saving(ignore="a")() if kwargs else self.build()

        def build(self) -> Any:
            return Base(1)

    class HoldingData(L.LightningDataModule):
        def __init__(self, d: int = 8) -> None:
            super().__init__()
            self.inner = Base(1)

    class Between:
        def __init__(self, e: int = 9) -> None:
            self.inner = Base(1)

    class Outer(module):
        def __init__(self, f: int = 10) -> None:
            super().__init__()
            self.between = Between()
            self.inner = HoldingData().inner

    made: dict[str, Callable[[], Any]] = {
        "all": lambda: saving()(5, 6, 7, c=8, d=9),
        "defaults": lambda: saving()(),
        "names": lambda: saving("c", "a", "d")(d=9),
        "unknown name": lambda: saving("a", "nope")(),
        "name that is ignored": lambda: saving("a", ignore="a")(),
        "ignore a name": lambda: saving(ignore="a")(),
        "ignore several": lambda: saving(ignore=["a", "d"])(d=1, e=2),
        "ignore an unknown name": lambda: saving(ignore=("zz",))(),
        "ignore all": lambda: saving(ignore={"a", "b", "c"})(),
        "a literal": lambda: saving({"q": 1})(),
        "a literal with names to ignore": lambda: saving({"q": 1, "r": 2}, ignore="q")(),
        "a dictionary": lambda: Given({"x": 1, "y": {"z": [1]}}),
        "a namespace": lambda: Given(argparse.Namespace(x=1, y=2)),
        "an ordered dictionary": lambda: Given(collections.OrderedDict(b=1, a=2)),
        "another mapping": lambda: Given(collections.UserDict(x=1)),
        "an empty dictionary": lambda: Given({}),
        "nothing": lambda: Given(None),
        "a number": lambda: Given(3),
        "truth": lambda: Given(True),
        "a text that is no name": lambda: Given("hello"),
        "a text that is a name": lambda: Given("b"),
        "a list": lambda: Given([1, 2]),
        "a tensor": lambda: Given(torch.ones(1)),
        "base": lambda: Base(8, d=9),
        "a subclass that passes on": lambda: Passing(c=6),
        "a subclass of that": lambda: Last(c=6),
        "early": lambda: Early(),
        "helped": lambda: Helped(4),
        "several calls": lambda: Several([0]),
        "decorated": lambda: Decorated(4),
        "fields": lambda: Fields(5),
        "a data module": lambda: Data(q=2),
        "held by a module": lambda: Holding(0, b=2, more=1).inner,
        "made in a method of another": lambda: Holding(0).inner,
        SAME: lambda: Holding(0, more=1).inner,
        "held by a data module in a module": lambda: Outer().inner,
        "held by an object in a module": lambda: Outer().between.inner,
    }
    result: dict[str, Any] = {}
    for name, make in made.items():
        try:
            obj = make()
        except Exception:  # noqa: BLE001 - which calls are errors is the question
            result[name] = "an error"
        else:
            result[name] = {"hparams": dict(obj.hparams), "initial": dict(obj.hparams_initial)}
    params = Base(1).hparams
    result["attributes"] = [params.a, hasattr(params, "nope"), isinstance(params, dict), repr(params), str(params)]
    return result
