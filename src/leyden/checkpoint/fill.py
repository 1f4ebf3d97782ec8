"""Put saved weights into a model: all of them, or none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from leyden.errors import MismatchError

_SHOWN = 5
# torch's own loading methods that do no more than the plain one once all names and shapes agree.
_PLAIN_LOADING = (
    nn.Module._load_from_state_dict,
    nn.modules.batchnorm._NormBase._load_from_state_dict,
    nn.modules.instancenorm._InstanceNorm._load_from_state_dict,
)


@final
class Incompatible(NamedTuple):
    """Names that were not filled and names that had no place; both empty unless ``strict=False``."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def fill(
    module: nn.Module, state_dict: Mapping[str, Tensor], *, strict: bool = True, where: str, keep: bool = True
) -> Incompatible:
    """Copy ``state_dict`` into the module's own parameters and buffers, once all names, shapes and dtypes agree.

    MismatchError names everything that differs, and the module is as it was. ``strict=False`` leaves out the names that
    only one side has. ``where`` says in messages what is loaded. A part of the module with a way of loading of its own
    (hooks, extra state, an overridden method) is left to it; if it fails, every value is put back, unless the caller
    does that itself (``keep=False``), which saves the memory of a copy.
    """
    own_ways = tuple(
        f"{name}." if name else "" for name, part in module.named_modules(remove_duplicate=False) if _loads_itself(part)
    )
    _check(module, state_dict, own_ways, strict, where)
    with _restored_after_an_error(module) if own_ways and keep else contextlib.nullcontext():
        try:
            found: object = module.load_state_dict(state_dict, strict=strict)
        except RuntimeError as error:
            raise MismatchError(f"{where} does not fit the model, which is as it was: {error}") from error
    # a method of the program's own may forget to answer
    return Incompatible(*map(list, found)) if isinstance(found, tuple) else Incompatible([], [])


def _check(
    module: nn.Module, state_dict: Mapping[str, Tensor], own_ways: tuple[str, ...], strict: bool, where: str
) -> None:
    own = {name: value for name, value in module.state_dict().items() if not name.startswith(own_ways)}
    given = {name: value for name, value in state_dict.items() if not name.startswith(own_ways)}
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    differing = [text for name in own if name in given and (text := _difference(name, own[name], given[name]))]
    problems = []
    if strict and missing:
        problems.append(f"the model has, and the file lacks: {_listed(missing)}")
    if strict and unexpected:
        problems.append(f"the file has, and the model lacks: {_listed(unexpected)}")
    if differing:
        problems.append(f"they differ in {_listed(differing)}")
    if problems:
        way_out = "Build the model with the arguments that it was trained with"
        if not differing:
            way_out += ", or pass strict=False to load what fits"
        raise MismatchError(
            f"{where} does not fit {type(module).__name__}, which is as it was: {'; '.join(problems)}. {way_out}."
        )


def _difference(name: str, own: object, given: object) -> str | None:
    if not isinstance(own, Tensor):  # a state dict hook put it there
        return None
    if not isinstance(given, Tensor):
        return f"{name} (not a tensor but a {type(given).__name__} in the file)"
    if own.device.type == "meta":
        return f"{name} (on the meta device: give the model memory with to_empty first)"
    if own.shape != given.shape:
        return f"{name} (shape {[*own.shape]} in the model, {[*given.shape]} in the file)"
    if own.dtype != given.dtype:
        return f"{name} ({own.dtype} in the model, {given.dtype} in the file: convert one with .to(dtype) first)"
    return None


def _listed(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _loads_itself(part: nn.Module) -> bool:
    """Whether names and shapes may rightly differ, which only the part itself can tell."""
    kind = type(part)
    return bool(
        kind.load_state_dict is not nn.Module.load_state_dict
        or kind._load_from_state_dict not in _PLAIN_LOADING
        or kind.set_extra_state is not nn.Module.set_extra_state
        or part._load_state_dict_pre_hooks
        or part._load_state_dict_post_hooks
    )


@contextlib.contextmanager
def _restored_after_an_error(module: nn.Module) -> Iterator[None]:
    """Keeps a copy of every value in main memory, since what a part does is known only once it has done it."""
    before = [
        (tensor, tensor.detach().to("cpu", copy=True))
        for tensor in (*module.parameters(), *module.buffers())
        if not isinstance(tensor, (nn.UninitializedParameter, nn.UninitializedBuffer))
    ]
    try:
        yield
    except BaseException:
        with torch.no_grad():
            for tensor, value in before:
                tensor.copy_(value)
        raise
