"""The methods about data that a module and a data module have in common."""

from __future__ import annotations

from typing import Any

import torch

from leyden.data.transfer import move_to_device


class DataHooks:
    """Where batches come from and how they reach the device. A data module's own method wins over the module's."""

    prepare_data_per_node: bool = True
    allow_zero_length_dataloader_with_multiple_devices: bool = False

    def prepare_data(self) -> None:
        """Download and unpack, once per machine. Keep no state here; use ``setup`` for that."""

    def setup(self, stage: str) -> None:
        """Build what the stage needs; ``stage`` is fit, validate, test or predict."""

    def teardown(self, stage: str) -> None:
        """Let go of what ``setup`` built; called after an error too."""

    def train_dataloader(self) -> Any:
        """The loader of training batches."""
        return None

    def val_dataloader(self) -> Any:
        """The loader of validation batches, or a list of loaders that are run one after the other."""
        return None

    def test_dataloader(self) -> Any:
        """The loader of test batches, or a list of loaders that are run one after the other."""
        return None

    def predict_dataloader(self) -> Any:
        """The loader of batches to predict, or a list of loaders that are run one after the other."""
        return None

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Change a batch before it moves to the device; returns the batch."""
        return batch

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move a batch to the device; override it for batches of a type of your own that has no ``to``."""
        return move_to_device(batch, device)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Change a batch after it moved to the device; returns the batch."""
        return batch
