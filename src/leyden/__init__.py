"""Leyden: train PyTorch models, with nothing that it reads able to run code.

Public names are resolved when they are first used, so that importing the package imports neither torch nor anything else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from leyden._version import __version__

if TYPE_CHECKING:
    from leyden import callbacks as callbacks
    from leyden import loggers as loggers
    from leyden.api.callback import Callback as Callback
    from leyden.api.datamodule import DataModule as DataModule
    from leyden.api.datamodule import DataModule as LightningDataModule
    from leyden.api.module import Module as LightningModule
    from leyden.api.module import Module as Module
    from leyden.runtime.seed import seed_everything as seed_everything
    from leyden.trainer import Trainer as Trainer

_PUBLIC = {
    "Callback": ("leyden.api.callback", "Callback"),
    "DataModule": ("leyden.api.datamodule", "DataModule"),
    "LightningDataModule": ("leyden.api.datamodule", "DataModule"),
    "LightningModule": ("leyden.api.module", "Module"),
    "Module": ("leyden.api.module", "Module"),
    "Trainer": ("leyden.trainer", "Trainer"),
    "seed_everything": ("leyden.runtime.seed", "seed_everything"),
}
_SUBPACKAGES = ("callbacks", "errors", "loggers")

__all__ = ["__version__", *_SUBPACKAGES, *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f"leyden.{name}")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'leyden' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
