"""Reading a callback's state out of a checkpoint: nothing in it is believed before its type and range are checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn, final

import torch
from torch import Tensor

from leyden.errors import FormatError


@final
class SavedState:
    """The state of one callback, as a file gives it. ``owner`` names the callback in messages."""

    def __init__(self, owner: str, state: Any) -> None:
        self._owner = owner
        if not isinstance(state, Mapping):
            raise FormatError(f"The saved state of {owner} is a {type(state).__name__} and should be a dict.")
        self._state = state

    def __contains__(self, key: str) -> bool:
        return key in self._state

    def text(self, key: str, default: str | None = None) -> str:
        value = self._get(key, default)
        if not isinstance(value, str):
            self._refuse(key, value, "a string")
        return value

    def optional_text(self, key: str) -> str | None:
        value = self._state.get(key)
        if value is not None and not isinstance(value, str):
            self._refuse(key, value, "a string or None")
        return value

    def texts(self, key: str) -> list[str]:
        """A list of strings, empty where there is none."""
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            self._refuse(key, value, "a list of strings")
        return list(value)

    def texts_by_name(self, key: str) -> dict[str, str]:
        """A dict of strings, empty where there is none."""
        value = self._get(key, {})
        if not isinstance(value, Mapping) or not all(isinstance(text, str) for pair in value.items() for text in pair):
            self._refuse(key, value, "a dict of strings by name")
        return dict(value)

    def flag(self, key: str, default: bool | None = None) -> bool:
        value = self._get(key, default)
        if not isinstance(value, bool):
            self._refuse(key, value, "True or False")
        return value

    def count(self, key: str, default: int | None = None) -> int:
        value = self._get(key, default)
        if type(value) is not int or value < 0:
            self._refuse(key, value, "a whole number, 0 or more")
        return value

    def seconds(self, key: str) -> float:
        """A duration, 0 where there is none."""
        value = float(self._number(key, self._get(key, 0)))
        if not 0 <= value < math.inf:
            self._refuse(key, value, "a number of seconds, 0 or more")
        return value

    def number(self, key: str, default: Tensor | None = None) -> Tensor:
        return self._number(key, self._get(key, default))

    def optional_number(self, key: str) -> Tensor | None:
        value = self._state.get(key)
        return None if value is None else self._number(key, value)

    def numbers(self, key: str) -> dict[str, Tensor]:
        value = self._get(key, {})
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            self._refuse(key, value, "a dict of numbers by name")
        return {name: self._number(f"{key}[{name!r}]", number) for name, number in value.items()}

    def tensors(self) -> dict[str, Tensor]:
        """The whole state, where it is tensors by name."""
        for name, value in self._state.items():
            if not (isinstance(name, str) and isinstance(value, Tensor)):
                self._refuse(str(name), value, "a tensor")
        return dict(self._state)

    def part(self, key: str) -> SavedState:
        return SavedState(f"{self._owner}, {key},", self._get(key, {}))

    def _get(self, key: str, default: Any) -> Any:
        value = self._state.get(key, default)
        if value is None:
            raise FormatError(
                f"The saved state of {self._owner} has no {key!r}. The file was changed, or made by something else."
            )
        return value

    def _number(self, key: str, value: Any) -> Tensor:
        """A tensor of one element; NaN is no score, since nothing is better or worse than it."""
        number: Tensor | None = None
        if isinstance(value, Tensor):
            if value.numel() == 1 and value.layout == torch.strided and not value.is_meta and _is_real(value):
                number = value.detach().reshape(()).cpu()
        elif type(value) is float or (type(value) is int and abs(value) < 2**63):
            number = torch.tensor(value)
        if number is None or math.isnan(number):
            self._refuse(key, value, "a number")
        return number

    def _refuse(self, key: str, value: Any, wanted: str) -> NoReturn:
        shown = repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise FormatError(f"The saved state of {self._owner} has {key}={shown}, which should be {wanted}.")


def _is_real(value: Tensor) -> bool:
    return not (value.is_complex() or value.is_quantized or value.dtype == torch.bool)
