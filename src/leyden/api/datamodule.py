"""DataModule: where the data of a project comes from, kept apart from the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any

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
        """A data module from ready-made datasets, each one alone or several in a list.

        Args:
            train_dataset: shuffled, unless it is an IterableDataset.
            val_dataset: in order.
            test_dataset: in order.
            predict_dataset: in order.
            batch_size: of every loader.
            num_workers: of every loader.
            **datamodule_kwargs: arguments of ``__init__``.
        """

        def loader(dataset: Any, shuffle: bool) -> Any:
            match dataset:
                case Mapping():
                    return {key: loader(item, shuffle) for key, item in dataset.items()}
                case Dataset():
                    shuffle = shuffle and not isinstance(dataset, IterableDataset)
                    return DataLoader(
                        dataset, batch_size, shuffle=shuffle, num_workers=num_workers, pin_memory=num_workers > 0
                    )
                case Iterable():
                    return [loader(item, shuffle) for item in dataset]
                case _:
                    return dataset

        made = cls(**datamodule_kwargs)
        for name, dataset in (("train", train_dataset), ("val", val_dataset), ("test", test_dataset), ("predict", predict_dataset)):
            if dataset is not None:
                loaders = loader(dataset, shuffle=name == "train")
                setattr(made, f"{name}_dataloader", lambda loaders=loaders: loaders)
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
