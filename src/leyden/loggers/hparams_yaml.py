"""Hyperparameters as YAML that a safe loader reads."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
import yaml


def hparams_yaml(params: Mapping[str, Any]) -> str:
    """One document with plain values only; what is not plain data is written as its text."""
    return yaml.safe_dump(_plain(params), allow_unicode=True)


def _plain(value: Any) -> Any:
    match value:
        case None | bool():
            return value
        case enum.Enum():
            return value.name
        case int():
            return int(value)
        case float():
            return float(value)
        case str():
            return str(value)
        case PurePath() | torch.dtype() | torch.device():
            return str(value)
        case Mapping():
            return {_plain(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case type() | FunctionType() | BuiltinFunctionType():
            return value.__qualname__
        case _:
            return f"<{type(value).__qualname__}>"  # its text could be long, secret or different in each run
