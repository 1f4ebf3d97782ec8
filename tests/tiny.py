"""The smallest module that does everything, and a trainer for it that leaves nothing behind."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import DataLoader

import leyden as L


class Tiny(L.Module):
    """One layer; logs ``loss`` in training, and ``val`` and ``test``."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, batch):
        return self.layer(batch)

    def training_step(self, batch, batch_idx):
        loss = self(batch).pow(2).mean()
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.log("val", self(batch).pow(2).mean())

    def test_step(self, batch, batch_idx, dataloader_idx=0):
        self.log("test", self(batch).pow(2).mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def batches(count: int) -> DataLoader[Any]:
    """So many batches of one row, each its own number."""
    return DataLoader(torch.arange(2.0 * count).reshape(count, 2))


def trainer(root: Any, *callbacks: L.Callback, **arguments: Any) -> L.Trainer:
    """On the CPU, one epoch, and nothing that writes or shows."""
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    defaults = {"accelerator": "cpu", "max_epochs": 1, "num_sanity_val_steps": 0, "default_root_dir": root}
    return L.Trainer(callbacks=list(callbacks), **(quiet | defaults | arguments))
