"""What metric objects have collected, as data that a checkpoint holds: torchmetrics leaves it out of ``state_dict``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from leyden.core.slots import Metric, is_metric
from leyden.errors import FormatError, MismatchError


def metrics_in(module: nn.Module) -> dict[str, Metric]:
    """The torchmetrics objects that are parts of a module, by their names in it."""
    return {name: part for name, part in module.named_modules() if is_metric(part)}


def dump_metrics(module: nn.Module) -> dict[str, dict[str, Any]]:
    """What each of them has collected since its last reset; those that have seen nothing are left out."""
    return {
        name: {
            "values": {value: _copy(getattr(metric, value)) for value in metric._defaults},
            "updates": metric._update_count,
            "forward": metric._forward_cache,
        }
        for name, metric in metrics_in(module).items()
        if metric._update_count
    }


def check_metrics(saved: object, module: nn.Module) -> None:
    """Find out whether ``load_metrics`` would take this.

    Raises:
        FormatError: it is malformed.
        MismatchError: it is of other metrics than those of the module.
    """
    if not isinstance(saved, Mapping):
        raise FormatError("what metric objects have collected is no dictionary")
    metrics = metrics_in(module)
    for name, state in saved.items():
        match state:
            case {"values": Mapping() as values, "updates": int(updates), "forward": _} if updates > 0:
                metric = metrics.get(name)
                if metric is None or values.keys() != metric._defaults.keys():
                    raise MismatchError(
                        f"the metric object {name!r} is none of this module, or one of another kind. Resume with the "
                        "module that the run was started with."
                    )
                if not all(_alike(values[value], default) for value, default in metric._defaults.items()):
                    raise FormatError(f"what the metric object {name!r} has collected are not tensors as it has them")
            case _:
                raise FormatError(f"the state of the metric object {name!r} is malformed")


def load_metrics(saved: Mapping[str, Mapping[str, Any]], module: nn.Module) -> None:
    """Let the metric objects of a module go on with what ``check_metrics`` found well formed; the others begin anew."""
    for name, metric in metrics_in(module).items():
        state = saved.get(name)
        if state is None:
            if metric._update_count:
                metric.reset()
            continue
        for value, collected in state["values"].items():
            setattr(metric, value, _copy(collected, metric))
        metric._update_count = state["updates"]
        metric._forward_cache = state["forward"]
        metric._computed = None


def _copy(collected: Any, on: Metric | None = None) -> Any:
    # Metric objects add to tensors in place, and append to lists whose items stay as they are.
    if isinstance(collected, list):
        return [item if on is None else item.to(on.device) for item in collected]
    return collected.clone() if on is None else collected.to(on.device, copy=True)


def _alike(collected: object, default: object) -> bool:
    if isinstance(default, list):
        return isinstance(collected, list) and all(isinstance(item, Tensor) for item in collected)
    return isinstance(collected, Tensor)
