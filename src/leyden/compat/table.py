"""The whole table of Lightning's names, out of its parts."""

from __future__ import annotations

from typing import Final

from leyden.compat import table_fabric, table_parts, table_private, table_pytorch

SERVED: Final[dict[str, dict[str, str]]] = {**table_pytorch.SERVED, **table_parts.SERVED, **table_fabric.SERVED}
SERVED.update({module: SERVED.get(module, {}) | names for module, names in table_private.SERVED.items()})
LATER: Final[dict[str, tuple[str, ...]]] = {**table_pytorch.LATER, **table_parts.LATER, **table_fabric.LATER}
LATER.update({module: (*LATER.get(module, ()), *names) for module, names in table_private.LATER.items()})
MODULES: Final[frozenset[str]] = frozenset((*SERVED, *LATER)) - {"pytorch_lightning"}  # which is lightning.pytorch

# Libraries recognise these bases by their name among a class's ancestors, so as not to import Lightning.
CLASS_NAMES: Final[dict[str, str]] = {
    "leyden.api.datamodule:DataModule": "LightningDataModule",
    "leyden.api.hparams:Hyperparameters": "HyperparametersMixin",
    "leyden.api.module:Module": "LightningModule",
}
