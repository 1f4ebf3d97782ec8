"""What loading a checkpoint changes, kept so that a load that fails leaves everything as it was."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from leyden.core.attribute_dict import AttributeDict

_DICTS: Final = (dict, OrderedDict, defaultdict, Counter, AttributeDict)
_LISTS: Final = (list, deque)
_ABSENT: Final = object()


@final
class Kept:
    """A module, and objects that belong to the run, as they are now.

    Of every object it knows the attributes and what lists, dictionaries and sets in them hold; of the module also its
    structure, its weights and its extra state, and of the others the tensors. Models that others hold are left alone.

    Args:
        module: whose weights are copied to main memory.
        others: callbacks and the like.
    """

    def __init__(self, module: nn.Module, others: Iterable[object]) -> None:
        self._module = module
        others = list(others)
        parts = list(module.modules())
        self._owners = [(owner, dict(vars(owner))) for owner in (*parts, *others)]
        self._contents = [(held, _content(held)) for held in _containers(vars(owner) for owner in (*parts, *others))]
        weights = [(weight, _copy(weight)) for weight in module.parameters() if _has_values(weight)]
        known = {id(weight) for weight, _ in weights} | {id(buffer) for buffer in module.buffers()}
        theirs = [tensor for tensor in _tensors(vars(owner) for owner in others) if id(tensor) not in known]
        self._tensors = [*weights, *((tensor, _copy(tensor)) for tensor in theirs if _has_values(tensor))]
        self._buffers = [
            (part, name, buffer, _copy(buffer))
            for part in parts
            for name, buffer in part._buffers.items()
            if buffer is not None and _has_values(buffer)
        ]
        self._extra = [(part, deepcopy(part.get_extra_state())) for part in parts if _has_extra_state(part)]
        self._steps: list[Callable[[], None]] | None = None

    def settle(self) -> None:
        """The load is over: what is changed from now on is not its work, and ``put_back`` will leave it alone.

        But weights go back to what they were; copies of those that the load has not changed are given up.
        """
        self._steps = list(self._found())
        self._owners, self._contents = [], []
        self._tensors = [(tensor, before) for tensor, before in self._tensors if not _same(tensor, before)]

    def put_back(self) -> None:
        """Undo the load."""
        device = next((weight.device for weight in self._module.parameters()), None)
        for step in self._found() if self._steps is None else self._steps:
            step()
        with torch.no_grad():
            for tensor, before in self._tensors:
                tensor.copy_(before)
            for part, name, buffer, before in self._buffers:
                now = part._buffers.get(name)  # another object after the module was moved to a device
                if now is None or now.shape != before.shape:
                    part._buffers[name] = now = buffer
                now.copy_(before)
        for part, state in self._extra:
            part.set_extra_state(state)
        if device is not None:
            self._module.to(device)
        self._module.zero_grad()

    def _found(self) -> Iterator[Callable[[], None]]:
        """What has to be done to undo the changes of attributes and containers."""
        for owner, before in self._owners:
            now = vars(owner)
            for name in before.keys() | now.keys():
                if now.get(name, _ABSENT) is not before.get(name, _ABSENT):
                    yield _putting_attribute(owner, name, before.get(name, _ABSENT))
        for held, content in self._contents:
            if not _alike(_content(held), content):
                yield _putting_content(held, content)


def _putting_attribute(owner: object, name: str, value: object) -> Callable[[], None]:
    def put() -> None:
        if value is _ABSENT:
            vars(owner).pop(name, None)
        else:
            vars(owner)[name] = value

    return put


def _putting_content(held: Any, content: list[Any]) -> Callable[[], None]:
    def put() -> None:
        held.clear()
        if type(held) in _LISTS:
            held.extend(content)
        elif type(held) is set:
            held.update(content)
        else:
            for key, value in content:
                held[key] = value

    return put


def _content(held: Any) -> list[Any]:
    return list(held.items()) if type(held) in _DICTS else list(held)


def _alike(now: list[Any], before: list[Any]) -> bool:
    """The same objects in the same order; of a dictionary, the same keys with the same objects."""
    if len(now) != len(before):
        return False
    pairs = zip(now, before, strict=True)
    return all(a is b or (type(a) is tuple and type(b) is tuple and _same_items(a, b)) for a, b in pairs)


def _same_items(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _walked(roots: Iterable[Any]) -> Iterator[Any]:
    """Every value that can be reached through plain containers, each container once."""
    seen: set[int] = set()
    waiting: list[Iterator[Any]] = [iter(root.values()) for root in roots]
    while waiting:
        value: Any = next(waiting[-1], _ABSENT)
        if value is _ABSENT:
            waiting.pop()
            continue
        yield value
        kind = type(value)
        if id(value) in seen or kind not in (*_DICTS, *_LISTS, tuple, set):
            continue
        seen.add(id(value))
        waiting.append(iter(value.values() if kind in _DICTS else value))


def _containers(roots: Iterable[Any]) -> list[Any]:
    found = (value for value in _walked(roots) if type(value) in (*_DICTS, *_LISTS, set))
    return list({id(value): value for value in found}.values())


def _tensors(roots: Iterable[Any]) -> list[Tensor]:
    return list({id(value): value for value in _walked(roots) if isinstance(value, Tensor)}.values())


def _has_values(tensor: Tensor) -> bool:
    uninitialized = isinstance(tensor, (nn.UninitializedParameter, nn.UninitializedBuffer))
    return not uninitialized and tensor.device.type != "meta"


def _has_extra_state(part: nn.Module) -> bool:
    kind = type(part)
    return (
        kind.get_extra_state is not nn.Module.get_extra_state and kind.set_extra_state is not nn.Module.set_extra_state
    )


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", copy=True)


def _same(tensor: Tensor, before: Tensor) -> bool:
    dense = tensor.layout is torch.strided and not tensor.is_nested  # others cannot be compared
    return dense and tensor.shape == before.shape and torch.equal(tensor.detach().cpu(), before)
