"""Put saved weights into a model: all of them, or none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from leyden.errors import MismatchError

_SHOWN = 5
# torch's own loading methods that do what the plain one does once all names and sizes agree.
_PLAIN_LOADING = (nn.Module._load_from_state_dict, nn.modules.batchnorm._NormBase._load_from_state_dict)


@final
class Incompatible(NamedTuple):
    """Names that were not filled and names that had no place; both empty unless ``strict=False``."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def fill(module: nn.Module, state_dict: Mapping[str, Tensor], *, strict: bool = True, where: str) -> Incompatible:
    """Copy ``state_dict`` into the module's own parameters and buffers, once all names, shapes and dtypes agree.

    MismatchError names everything that differs, and the module is as it was. ``strict=False`` leaves out the names that
    only one side has. ``where`` says in messages what is loaded. Load hooks and methods of the module are honoured.
    """
    if _loads_itself(module):
        with _restored_after_an_error(module):
            try:
                found = module.load_state_dict(state_dict, strict=strict)
            except RuntimeError as error:
                raise MismatchError(f"{where} does not fit the model, which is as it was: {error}") from error
        return Incompatible([*found.missing_keys], [*found.unexpected_keys])
    own = module.state_dict()
    missing = [name for name in own if name not in state_dict]
    unexpected = [name for name in state_dict if name not in own]
    problems = []
    if strict and missing:
        problems.append(f"the model has, and the file lacks: {_listed(missing)}")
    if strict and unexpected:
        problems.append(f"the file has, and the model lacks: {_listed(unexpected)}")
    differing = [
        text for name in own if name in state_dict and (text := _difference(name, own[name], state_dict[name]))
    ]
    if differing:
        problems.append(f"they differ in: {_listed(differing)}")
    if problems:
        way_out = "Build the model with the arguments that it was trained with"
        if not differing:
            way_out += ", or pass strict=False to load what fits"
        raise MismatchError(
            f"{where} does not fit {type(module).__name__}, which is as it was: {'; '.join(problems)}. {way_out}."
        )
    module.load_state_dict(state_dict, strict=False)
    return Incompatible(missing, unexpected)


def _difference(name: str, own: Tensor, given: object) -> str | None:
    if not isinstance(given, Tensor):
        return f"{name} (not a tensor but a {type(given).__name__} in the file)"
    if own.shape != given.shape:
        return f"{name} (shape {[*own.shape]} in the model, {[*given.shape]} in the file)"
    if own.dtype != given.dtype:
        return f"{name} ({own.dtype} in the model, {given.dtype} in the file: convert one with .to(dtype) first)"
    if own.device.type == "meta":
        return f"{name} (on the meta device: give the model memory with to_empty first)"
    return None


def _listed(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _loads_itself(module: nn.Module) -> bool:
    """Whether some part has a way of its own to take in a state dict, so that names and sizes may rightly differ."""
    return any(
        type(part).load_state_dict is not nn.Module.load_state_dict
        or type(part)._load_from_state_dict not in _PLAIN_LOADING
        or type(part).set_extra_state is not nn.Module.set_extra_state
        or part._load_state_dict_pre_hooks
        or part._load_state_dict_post_hooks
        for part in module.modules()
    )


@contextlib.contextmanager
def _restored_after_an_error(module: nn.Module) -> Iterator[None]:
    """Keeps a copy of every value, since what the parts do is known only once they have done it."""
    before: list[tuple[Tensor, Any]] = [
        (tensor, tensor.detach().clone())
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
