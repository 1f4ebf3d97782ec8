"""Classes of libraries whose objects are their attributes, although they have ways of their own to be pickled.

Each row says what was found out about one class. The libraries are never imported here.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MethodType
from typing import Any, Final, final

from leyden.checkpoint.references import name_of_class

_BOTH: Final = frozenset({"__getstate__", "__setstate__"})


@final
@dataclass(frozen=True)
class Peculiar:
    """What is special about the objects of a class.

    ``accepts`` are methods that a reader may do without. ``drops`` are attributes that are not written, with the values
    that they come back with, and ``remakes`` those that ``finish`` makes anew.
    """

    accepts: frozenset[str] = frozenset()
    drops: Mapping[str, Any] = field(default_factory=dict)
    remakes: frozenset[str] = frozenset()
    finish: Callable[[Any], None] | None = None


def _finish_recurrent(module: Any) -> None:
    """Recurrent layers of torch keep weak references to the weights that they hand to the device's library."""
    weights = vars(module).get("_flat_weights", [])
    vars(module)["_flat_weight_refs"] = [None if weight is None else weakref.ref(weight) for weight in weights]


def _finish_metric(metric: Any) -> None:
    """Metrics of torchmetrics wrap their own methods in each object. An attribute of a file is never one of them."""
    kind = type(metric)
    update, compute = MethodType(kind.update, metric), MethodType(kind.compute, metric)
    vars(metric)["_update_signature"] = inspect.signature(update)
    vars(metric)["update"] = kind._wrap_update(metric, update)
    vars(metric)["compute"] = kind._wrap_compute(metric, compute)


PLAIN: Final = Peculiar()
# Torch's own layers fill in what files of its old versions lack, and leave out what torch.compile made.
_LAYER: Final = Peculiar(_BOTH, drops={"_compiled_call_impl": None})
_TABLE: Final[Mapping[tuple[str, str], Peculiar]] = {
    ("torch.nn.modules.rnn", "RNNBase"): Peculiar(
        _BOTH, remakes=frozenset({"_flat_weight_refs"}), finish=_finish_recurrent
    ),
    ("torchmetrics.metric", "Metric"): Peculiar(
        _BOTH, remakes=frozenset({"update", "compute", "_update_signature"}), finish=_finish_metric
    ),
    # not part of what a module is: the trainer that runs it
    ("leyden.api.module", "Module"): Peculiar(_BOTH, drops={"_trainer": None, "_attached": None}),
    ("leyden.api.datamodule", "DataModule"): Peculiar(_BOTH, drops={"trainer": None}),
    ("leyden.api.callback", "Callback"): Peculiar(_BOTH, drops={"_attached": None}),
}


def merged(rules: Sequence[Peculiar]) -> Peculiar:
    """What is special about the objects of a class with these in its line."""
    finish = next((rule.finish for rule in rules if rule.finish is not None), None)
    drops = {name: value for rule in rules for name, value in rule.drops.items()}
    return Peculiar(drops=drops, remakes=frozenset().union(*(rule.remakes for rule in rules)), finish=finish)


def peculiar(kind: type) -> Peculiar:
    """What is special about the objects of this class itself."""
    name = name_of_class(kind)
    return _TABLE.get(name, _LAYER if name[0].startswith("torch.nn.modules.") else PLAIN)
