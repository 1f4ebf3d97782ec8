"""Leyden: train PyTorch models, with nothing that it reads able to run code.

Public names are resolved when they are first used: importing the package imports neither torch nor anything else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from leyden._version import __version__

if TYPE_CHECKING:
    from leyden import callbacks, data, errors, loggers, strategies
    from leyden.api.callback import Callback
    from leyden.api.datamodule import DataModule
    from leyden.api.module import Module
    from leyden.checkpoint.export import export
    from leyden.runtime.seed import seed_everything
    from leyden.security.encryption import Encryption
    from leyden.security.policy import Policy
    from leyden.security.redact import Secret
    from leyden.security.remote import allow as allow_remote
    from leyden.trainer import Trainer

    LightningDataModule = DataModule
    LightningModule = Module

__all__ = [
    "Callback",
    "DataModule",
    "Encryption",
    "LightningDataModule",
    "LightningModule",
    "Module",
    "Policy",
    "Secret",
    "Trainer",
    "__version__",
    "allow_remote",
    "callbacks",
    "data",
    "errors",
    "export",
    "loggers",
    "seed_everything",
    "strategies",
]

_SUBPACKAGES = ("callbacks", "data", "errors", "loggers", "strategies")
_NAMES = {
    "Callback": ("leyden.api.callback", "Callback"),
    "DataModule": ("leyden.api.datamodule", "DataModule"),
    "Encryption": ("leyden.security.encryption", "Encryption"),
    "LightningDataModule": ("leyden.api.datamodule", "DataModule"),
    "LightningModule": ("leyden.api.module", "Module"),
    "Module": ("leyden.api.module", "Module"),
    "Policy": ("leyden.security.policy", "Policy"),
    "Secret": ("leyden.security.redact", "Secret"),
    "Trainer": ("leyden.trainer", "Trainer"),
    "allow_remote": ("leyden.security.remote", "allow"),
    "export": ("leyden.checkpoint.export", "export"),
    "seed_everything": ("leyden.runtime.seed", "seed_everything"),
}


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f"leyden.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module 'leyden' has no attribute {name!r}")
    module, attribute = _NAMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
