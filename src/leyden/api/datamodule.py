"""DataModule: where the data of a project comes from, kept apart from the model."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, ClassVar

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset
from typing_extensions import Self

from leyden.api.data_hooks import DataHooks
from leyden.api.hparams import Hyperparameters
from leyden.api.restore import class_only, load_datamodule_from_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from leyden.trainer import Trainer


class DataModule(DataHooks, Hyperparameters):
    """Loaders of all stages with what prepares them: ``prepare_data``, ``setup``, the four loaders and ``teardown``."""

    # the entries of a checkpoint that have the hyperparameters
    CHECKPOINT_HYPER_PARAMS_KEY: ClassVar[str] = "datamodule_hyper_parameters"
    CHECKPOINT_HYPER_PARAMS_NAME: ClassVar[str] = "datamodule_hparams_name"
    CHECKPOINT_HYPER_PARAMS_TYPE: ClassVar[str] = "datamodule_hparams_type"

    name: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.trainer: Trainer | None = None

    @classmethod
    def from_datasets(
        cls,
        train_dataset: Any = None,
        val_dataset: Any = None,
        test_dataset: Any = None,
        predict_dataset: Any = None,
        batch_size: int = 1,
        num_workers: int = 0,
        **datamodule_kwargs: Any,
    ) -> Self:
        """A data module from ready-made datasets, each one alone, or several in a list or dict.

        Args:
            train_dataset: shuffled, unless it is an IterableDataset.
            val_dataset: in order.
            test_dataset: in order.
            predict_dataset: in order.
            batch_size: of every loader, and an argument of ``__init__`` if it has one of that name.
            num_workers: of every loader, and an argument of ``__init__`` if it has one of that name.
            **datamodule_kwargs: other arguments of ``__init__``.
        """
        given = {"batch_size": batch_size, "num_workers": num_workers}
        parameters = inspect.signature(cls.__init__).parameters
        if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
            given = {name: value for name, value in given.items() if name in parameters}
        made = cls(**{**given, **datamodule_kwargs})
        datasets = {"train": train_dataset, "val": val_dataset, "test": test_dataset, "predict": predict_dataset}
        for stage, dataset in datasets.items():
            if dataset is not None:
                loaders = functools.partial(_loaders, dataset, batch_size, num_workers, shuffle=stage == "train")
                setattr(made, f"{stage}_dataloader", loaders)
        return made

    @class_only
    def load_from_checkpoint(
        cls,  # noqa: N805
        checkpoint_path: str | Path | IO[bytes],
        map_location: Any = None,
        hparams_file: str | Path | None = None,
        weights_only: bool | None = None,
        **kwargs: Any,
    ) -> Self:
        """Build the data module from the hyperparameters in a checkpoint; the arguments are those of ``Module``'s."""
        return load_datamodule_from_checkpoint(cls, checkpoint_path, map_location, hparams_file, weights_only, **kwargs)

    def state_dict(self) -> dict[str, Any]:
        """What this data module wants back when the run is resumed: plain data and tensors."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""

    def on_exception(self, exception: BaseException) -> None:
        """The run is being ended by an exception."""


def _loaders(datasets: Any, batch_size: int, num_workers: int, *, shuffle: bool) -> Any:
    """A loader for each dataset, in the structure that the datasets have; what is no dataset is taken as a loader."""
    match datasets:
        case Dataset():
            return DataLoader(
                datasets,
                batch_size,
                shuffle=shuffle and not isinstance(datasets, IterableDataset),
                num_workers=num_workers,
                pin_memory=torch.accelerator.is_available(),
            )
        case Mapping():
            return {name: _loaders(one, batch_size, num_workers, shuffle=shuffle) for name, one in datasets.items()}
        case list() | tuple():
            return [_loaders(one, batch_size, num_workers, shuffle=shuffle) for one in datasets]
        case _:
            return datasets
