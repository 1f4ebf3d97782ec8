"""Whether saved states of optimizers and schedulers are like those that are there: found out before any is applied.

Torch takes what it is given: a setting of another type, or a tensor of another shape, fails in some later step or is
broadcast in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, final

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from leyden.errors import FormatError, MismatchError

_WAY_OUT: Final = "Resume with the configure_optimizers() that the run was started with."
_ANOTHER: Final = "Resume from another checkpoint."
_MOST_NUMBER: Final = 2**63


@final
@dataclass(frozen=True)
class _Kept:
    """What an optimizer of torch's keeps for a parameter: numbers, and tensors of the parameter's own shape.

    ``options`` are kept where the setting of that name is on.
    """

    numbers: frozenset[str] = frozenset()
    tensors: frozenset[str] = frozenset()
    options: Mapping[str, str] | None = None


def _kept(numbers: str, tensors: str, **options: str) -> _Kept:
    return _Kept(frozenset(numbers.split()), frozenset(tensors.split()), options)


_OF_TORCH: Final[Mapping[type, _Kept]] = {
    torch.optim.Adadelta: _kept("step", "square_avg acc_delta"),
    torch.optim.Adagrad: _kept("step", "sum"),
    torch.optim.Adam: _kept("step", "exp_avg exp_avg_sq", amsgrad="max_exp_avg_sq"),
    torch.optim.AdamW: _kept("step", "exp_avg exp_avg_sq", amsgrad="max_exp_avg_sq"),
    torch.optim.Adamax: _kept("step", "exp_avg exp_inf"),
    torch.optim.ASGD: _kept("step eta mu", "ax"),
    torch.optim.NAdam: _kept("step mu_product", "exp_avg exp_avg_sq"),
    torch.optim.RAdam: _kept("step", "exp_avg exp_avg_sq"),
    torch.optim.RMSprop: _kept("step", "square_avg", momentum="momentum_buffer", centered="grad_avg"),
    torch.optim.Rprop: _kept("step", "prev step_size"),
    torch.optim.SGD: _kept("", "", momentum="momentum_buffer"),
    torch.optim.SparseAdam: _kept("step", "exp_avg exp_avg_sq"),
}


def check_optimizer(state: Mapping[str, Any], optimizer: torch.optim.Optimizer, where: str) -> None:
    """Compare a saved state with the optimizer that is to take it.

    Raises:
        MismatchError: it belongs to an optimizer of another kind, or over other parameters.
        FormatError: it is malformed.
    """
    match state:
        case {"param_groups": [*groups], "state": Mapping() as kept} if all(map(_lists_parameters, groups)):
            saved = [len(group["params"]) for group in groups]
        case _:
            raise FormatError(
                f"{where} is malformed: the state of an optimizer lacks its groups of parameters. {_ANOTHER}"
            )
    own = [len(group["params"]) for group in optimizer.param_groups]
    if saved != own:
        raise MismatchError(
            f"{where} was made with an optimizer over {saved} parameters, and this run's has {own}, by "
            f"parameter group. {_WAY_OUT}"
        )
    name = type(optimizer).__name__
    for group, now in zip(groups, optimizer.param_groups, strict=True):
        lacks, has = sorted(now.keys() - group.keys()), group.keys() - now.keys()
        if lacks and has:  # one alone may be due to another version of torch
            raise MismatchError(
                f"{where} was made with another kind of optimizer than {name}: its settings lack "
                f"{', '.join(lacks)}. {_WAY_OUT}"
            )
        for key, value in group.items():
            if key != "params" and key in now and not _alike(value, now[key]):
                _refuse(where, f"the setting {key} of {name} is {_shown(value)}, and should be like {now[key]!r}")
    numbers = [number for group in groups for number in group["params"]]
    if len(set(numbers)) != len(numbers):
        _refuse(where, f"the state of {name} lists a parameter twice")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    settings = {number: group for group in groups for number in group["params"]}
    _check_kept(kept, dict(zip(numbers, parameters, strict=True)), settings, optimizer, where)


def _check_kept(
    kept: Mapping[Any, Any],
    parameters: Mapping[int, Tensor],
    settings: Mapping[int, Mapping[str, Any]],
    optimizer: torch.optim.Optimizer,
    where: str,
) -> None:
    name = type(optimizer).__name__
    for number, values in kept.items():
        if type(number) is not int:
            continue  # what an optimizer keeps for all parameters
        if number not in parameters:
            _refuse(where, f"the state of {name} has values for parameter {number}, which it does not list")
        if not isinstance(values, Mapping) or not all(type(key) is str for key in values):
            _refuse(where, f"the state of {name} for parameter {number} is no dictionary with text for keys")
    of_parameters = {number: values for number, values in kept.items() if type(number) is int}
    rule = _OF_TORCH.get(type(optimizer))
    if rule is not None:
        for number, values in of_parameters.items():
            _check_by_rule(values, parameters[number], settings[number], rule, f"{name} for parameter {number}", where)
    elif type(optimizer) is torch.optim.LBFGS:
        _check_lbfgs(of_parameters, sum(parameter.numel() for parameter in parameters.values()), where)
    elif type(optimizer) is torch.optim.Adafactor:
        for number, values in of_parameters.items():
            _check_adafactor(values, parameters[number], f"Adafactor for parameter {number}", where)
    # What another optimizer keeps is known to it alone: it may be factored, packed or of blocks.


def _check_by_rule(
    values: Mapping[str, Any], parameter: Tensor, group: Mapping[str, Any], rule: _Kept, what: str, where: str
) -> None:
    if not values:
        return  # it starts anew
    options = {tensor for setting, tensor in (rule.options or {}).items() if group.get(setting)}
    optional = set((rule.options or {}).values())
    lacks = (rule.numbers | rule.tensors | options) - values.keys()
    if lacks and rule.tensors:  # SGD keeps nothing, or None, for a parameter that has had no gradient
        raise MismatchError(f"{where}: the state of {what} lacks {', '.join(sorted(lacks))}. {_WAY_OUT}")
    for key, value in values.items():
        if key in rule.numbers:
            if not _is_number(value):
                _refuse(where, f"{key} in the state of {what} is {_shown(value)}, and should be a number")
        elif key in rule.tensors or (key in optional and value is not None):
            _check_tensor(value, tuple(parameter.shape), parameter, f"{key} in the state of {what}", where)


def _check_adafactor(values: Mapping[str, Any], parameter: Tensor, what: str, where: str) -> None:
    shape = tuple(parameter.shape)
    shapes = {
        "variance": shape,
        "row_var": (*shape[:-1], 1),
        "col_var": (*shape[:-2], 1, *shape[-1:]),
    }
    if values and not ("variance" in values or {"row_var", "col_var"} <= values.keys()):
        raise MismatchError(f"{where}: the state of {what} lacks its variances. {_WAY_OUT}")
    for key, value in values.items():
        if key == "step" and not _is_number(value):
            _refuse(where, f"step in the state of {what} is {_shown(value)}, and should be a number")
        if key in shapes:
            _check_tensor(value, shapes[key], parameter, f"{key} in the state of {what}", where)


def _check_lbfgs(states: Mapping[int, Mapping[str, Any]], size: int, where: str) -> None:
    """LBFGS keeps all under its first parameter: vectors over all of them, lists of such, and numbers."""
    for values in states.values():
        for key, value in values.items():
            many = value if isinstance(value, list) else [value]
            for one in many:
                fits = isinstance(one, Tensor) and (one.ndim == 0 or one.shape == (size,))
                if not (fits or one is None or _is_number(one)):
                    _refuse(
                        where, f"{key} in the state of LBFGS is {_shown(one)}, and should be a number or {size} numbers"
                    )


def _check_tensor(value: object, shape: tuple[int, ...], parameter: Tensor, what: str, where: str) -> None:
    if not isinstance(value, Tensor):
        _refuse(where, f"{what} is {_shown(value)}, and should be a tensor")
    if tuple(value.shape) != shape:
        raise MismatchError(
            f"{where}: {what} has the shape {[*value.shape]}, and this run needs {[*shape]}. {_WAY_OUT}"
        )
    if value.is_complex() and not parameter.is_complex():
        _refuse(where, f"{what} is complex, and its parameter is not")


def check_scheduler(state: Mapping[str, Any], scheduler: Any, where: str) -> None:
    """Compare a saved state with the scheduler that is to take it.

    One that has a way of its own to take a state is left to it.

    Raises:
        MismatchError: it belongs to a scheduler of another kind.
        FormatError: it is malformed.
    """
    kind = type(scheduler)
    if not isinstance(scheduler, LRScheduler) or kind.load_state_dict.__module__ != LRScheduler.__module__:
        return
    own, name = scheduler.state_dict(), kind.__name__
    lacks, has = sorted(own.keys() - state.keys()), [key for key in state if key not in own]
    if lacks and has:  # one alone may be due to another version of torch
        raise MismatchError(
            f"{where} was made with another kind of scheduler than {name}: its state lacks "
            f"{', '.join(lacks)}. {_WAY_OUT}"
        )
    for key in has:
        if type(key) is not str or key == "optimizer" or hasattr(kind, key):
            _refuse(where, f"the state of {name} has {str(key)[:100]!r}, which is no part of it")
    for key, mine in own.items():
        rates = state.get(key) if key == "_last_lr" else None
        if isinstance(rates, list) and all(map(_is_number, rates)):
            continue  # as many as there were parameter groups at its last step, and a callback may add some
        if key in state and not _alike(state[key], mine):
            _refuse(where, f"{key} in the state of {name} is {_shown(state[key])}, and should be like {_shown(mine)}")
    for inner, kept in zip(getattr(scheduler, "_schedulers", ()), state.get("_schedulers", ()), strict=False):
        check_scheduler(kept, inner, where)


def _alike(value: object, own: object) -> bool:
    """Whether a value can take the place of one's own: the same kind, whatever it says."""
    if own is None or isinstance(own, bool):
        plain = own is None and (isinstance(value, str) or _is_number(value))
        return value is None or isinstance(value, bool) or plain
    if _is_number(own):
        return _is_number(value)
    if isinstance(own, str):
        return isinstance(value, str)
    if isinstance(own, (list, tuple)):
        if not isinstance(value, (list, tuple)) or len(value) != len(own):
            return False
        return all(_alike(one, mine) for one, mine in zip(value, own, strict=True))
    if isinstance(own, Counter):
        return isinstance(value, Counter) and all(map(_is_number, (*value, *value.values())))
    if isinstance(own, Mapping):
        if not isinstance(value, Mapping) or not own.keys() <= value.keys():
            return False
        return all(_alike(value[key], mine) for key, mine in own.items())
    if isinstance(own, Tensor):
        return isinstance(value, Tensor) and value.shape == own.shape
    return type(value) is type(own)


def _is_number(value: object) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 and value.ndim <= 1 and value.dtype != torch.bool and not value.is_complex()
    return type(value) is float or (type(value) is int and abs(value) < _MOST_NUMBER)


def _lists_parameters(group: object) -> bool:
    listed = group.get("params") if isinstance(group, Mapping) else None
    return isinstance(listed, list) and all(type(number) is int for number in listed)


def _shown(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {[*value.shape]}"
    if isinstance(value, (Mapping, Sequence)) and not isinstance(value, str):
        return f"a {type(value).__name__}"
    return repr(value)[:60]


def _refuse(where: str, problem: str) -> NoReturn:
    raise FormatError(f"{where} is malformed: {problem}. {_ANOTHER}")
