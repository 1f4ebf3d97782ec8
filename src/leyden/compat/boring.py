"""The small models and data sets that tests of Lightning's programs are written with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, StepLR
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from leyden.api.datamodule import DataModule
from leyden.api.module import Module

WIDTH = 32
STAGES = ("train", "val", "test", "predict")


class RandomDataset(Dataset[Tensor]):
    """Normal random numbers, drawn once: ``length`` rows of ``size``."""

    def __init__(self, size: int, length: int) -> None:
        self.len = length
        self.data = torch.randn(length, size)

    def __getitem__(self, index: int) -> Tensor:
        row: Tensor = self.data[index]
        return row

    def __len__(self) -> int:
        return self.len


class RandomDictDataset(Dataset[dict[str, Tensor]]):
    """Rows of random numbers as ``a``, and the same plus 2 as ``b``."""

    def __init__(self, size: int, length: int) -> None:
        self.len = length
        self.data = torch.randn(length, size)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        row = self.data[index]
        return {"a": row, "b": row + 2}

    def __len__(self) -> int:
        return self.len


class RandomIterableDataset(IterableDataset[Tensor]):
    """Rows of random numbers, drawn anew in each pass; their count is not known beforehand."""

    def __init__(self, size: int, count: int) -> None:
        self.count = count
        self.size = size

    def __iter__(self) -> Iterator[Tensor]:
        return (torch.randn(self.size) for _ in range(self.count))


class RandomIterableDatasetWithLen(RandomIterableDataset):
    """Rows of random numbers, drawn anew in each pass, of which the count is known."""

    def __len__(self) -> int:
        return self.count


def _prepared_in(stage: str) -> tuple[str, ...]:
    """Which of ``STAGES`` a call of ``setup`` prepares."""
    return {"fit": ("train", "val"), "validate": ("val",)}.get(stage, (stage,))


def _loader() -> DataLoader[Tensor]:
    return DataLoader(RandomDataset(WIDTH, 64))


class BoringModel(Module):
    """One linear layer that learns to answer 1 to random numbers, with loaders of its own: subclass it and override."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Any:
        return self.layer(x)

    def loss(self, preds: Tensor, labels: Tensor | None = None) -> Tensor:
        return F.mse_loss(preds, torch.ones_like(preds) if labels is None else labels)

    def step(self, batch: Any) -> Any:
        return self.loss(self(batch))

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return {"loss": self.step(batch)}

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        return {"x": self.step(batch)}

    def test_step(self, batch: Any, batch_idx: int) -> Any:
        return {"y": self.step(batch)}

    def configure_optimizers(self) -> tuple[list[Optimizer], list[LRScheduler]]:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return [optimizer], [StepLR(optimizer, step_size=1)]

    def train_dataloader(self) -> Any:
        return _loader()

    def val_dataloader(self) -> Any:
        return _loader()

    def test_dataloader(self) -> Any:
        return _loader()

    def predict_dataloader(self) -> Any:
        return _loader()


class ManualOptimBoringModel(BoringModel):
    """A BoringModel that steps its optimizer itself."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        optimizer = self.optimizers()
        loss = self.step(batch)
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        return loss


class DemoModel(Module):
    """One linear layer with a size and a learning rate that can be chosen."""

    def __init__(self, out_dim: int = 10, learning_rate: float = 0.02) -> None:
        super().__init__()
        self.l1 = nn.Linear(WIDTH, out_dim)
        self.learning_rate = learning_rate

    def forward(self, x: Tensor) -> Any:
        return torch.relu(self.l1(x.view(x.size(0), -1)))

    def training_step(self, batch: Any, batch_nb: int) -> Any:
        return self(batch).sum()

    def configure_optimizers(self) -> Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)


class _BoringLoaders(DataModule):
    """One loader for each stage, over what ``setup`` has put into ``random_train``, ``random_val`` and so on."""

    random_train: Dataset[Tensor]
    random_val: Dataset[Tensor]
    random_test: Dataset[Tensor]
    random_predict: Dataset[Tensor]

    def setup(self, stage: str) -> None:
        for name in _prepared_in(stage):
            setattr(self, f"random_{name}", self.make(name))

    def make(self, name: str) -> Dataset[Tensor]:
        """The data set of a stage."""
        raise NotImplementedError

    def train_dataloader(self) -> Any:
        return DataLoader(self.random_train)

    def val_dataloader(self) -> Any:
        return DataLoader(self.random_val)

    def test_dataloader(self) -> Any:
        return DataLoader(self.random_test)

    def predict_dataloader(self) -> Any:
        return DataLoader(self.random_predict)


class BoringDataModule(_BoringLoaders):
    """Four times 64 rows of random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.random_full = RandomDataset(WIDTH, 64 * 4)

    def make(self, name: str) -> Dataset[Tensor]:
        first = 64 * STAGES.index(name)
        return Subset(self.random_full, range(first, first + 64))


class BoringDataModuleNoLen(_BoringLoaders):
    """Random numbers in data sets that do not tell their length: 512, 128, 256 and 64 rows."""

    def make(self, name: str) -> Dataset[Tensor]:
        return RandomIterableDataset(WIDTH, (512, 128, 256, 64)[STAGES.index(name)])


class IterableBoringDataModule(DataModule):
    """Two loaders for each stage, of which only the first tells its length: 16, 32, 64 and 128 rows each."""

    train_datasets: list[Dataset[Tensor]]
    val_datasets: list[Dataset[Tensor]]
    test_datasets: list[Dataset[Tensor]]
    predict_datasets: list[Dataset[Tensor]]

    def setup(self, stage: str) -> None:
        for name in _prepared_in(stage):
            rows = (16, 32, 64, 128)[STAGES.index(name)]
            setattr(self, f"{name}_datasets", [RandomDataset(4, rows), RandomIterableDataset(4, rows)])

    def train_dataloader(self) -> Any:
        return _loaders(self.train_datasets)

    def val_dataloader(self) -> Any:
        return _loaders(self.val_datasets)

    def test_dataloader(self) -> Any:
        return _loaders(self.test_datasets)

    def predict_dataloader(self) -> Any:
        return _loaders(self.predict_datasets)


def _loaders(datasets: Iterable[Dataset[Tensor]]) -> list[DataLoader[Tensor]]:
    return [DataLoader(dataset) for dataset in datasets]
