"""Where loaders come from: the call, the data module or the module, asked when they are first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

from torch.utils.data import DataLoader, Dataset, IterableDataset

from leyden.api.data_hooks import DataHooks
from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.core.described import described
from leyden.core.warnings import warn
from leyden.data.loader import EvaluationData, TrainData, batches_of, checked_loader, length_of
from leyden.data.samples import without_drop_last
from leyden.errors import DataError, ModuleError
from leyden.runtime.seed import seed_worker, workers_are_seeded

Name = Literal["train_dataloader", "val_dataloader", "test_dataloader", "predict_dataloader"]


@final
@dataclass
class Source:
    """The loader, or loaders, of one stage."""

    name: Name
    given: Any  # what the call was given; None: ask the owner
    owner: DataHooks | None  # the data module or module that defines the method; None: nobody does

    @classmethod
    def of(cls, name: Name, given: Any, datamodule: DataModule | None, module: Module) -> Source:
        return cls(name, given, next((owner for owner in (datamodule, module) if _defines(owner, name)), None))

    @property
    def defined(self) -> bool:
        return self.given is not None or self.owner is not None

    def ask(self) -> Any:
        if self.given is not None:
            return self.given
        if self.owner is None:
            return None
        method, where = getattr(self.owner, self.name), f"{self.name}() of {type(self.owner).__name__}"
        if not callable(method):
            raise ModuleError(f"{where} is {described(method)}, not a method. Define it as a method that returns that.")
        loaders = method()
        if loaders is None:
            raise DataError(f"{where} returned None. Return a loader, or do not define it.")
        return loaders


def train_data(source: Source, limit: int | float) -> TrainData:
    """The training loader of a run.

    Raises:
        DataError: there is none, or it is several at once.
    """
    loader = source.ask()
    if isinstance(loader, (list, tuple, Mapping)):
        raise DataError(
            f"the training loader is a {type(loader).__name__}, which stands for several loaders at once; "
            "this version trains "
            "on one. Return one DataLoader. For a list of ready-made batches, use DataLoader(batches, batch_size=None)."
        )
    _ready(loader, source.name)
    return TrainData(loader, batches_of(loader, limit, "limit_train_batches"))


@final
class EvaluationSource:
    """The loaders of an evaluation, asked for at the first call and kept."""

    def __init__(self, source: Source, limit: int | float, argument: str, check_loaders: Callable[[int], None]) -> None:
        self.loaded: EvaluationData | None = None
        self.given: Any = None  # a loader, or a list or dict of them, as the program has it
        self._source = source
        self._limit = limit
        self._argument = argument
        self._check_loaders = check_loaders  # can the step run so many?

    def __call__(self) -> EvaluationData:
        if self.loaded is None:
            self.given = self._source.ask()
            loaders = _listed(self.given)
            for loader in loaders:
                _ready(loader, self._source.name)
            if self._source.name == "predict_dataloader":
                loaders = [without_drop_last(loader) for loader in loaders]
            self._check_loaders(len(loaders))
            self.loaded = EvaluationData(
                loaders, [batches_of(loader, self._limit, self._argument) for loader in loaders]
            )
        return self.loaded


def _listed(loaders: Any) -> list[Any]:
    match loaders:
        case None:
            return []
        case Mapping():
            return list(loaders.values())
        case list() | tuple():
            return list(loaders)
        case _:
            return [loaders]


def _defines(owner: DataHooks | None, name: Name) -> bool:
    if owner is None:
        return False
    method = getattr(owner, name)
    return method is not None and getattr(method, "__func__", method) is not getattr(DataHooks, name)


def _ready(loader: Any, name: Name) -> None:
    """Check a loader, and give its workers random streams of their own where ``seed_everything`` asked for it."""
    checked_loader(loader, name)
    if isinstance(loader, DataLoader) and loader.worker_init_fn is None and workers_are_seeded():
        loader.worker_init_fn = seed_worker
    if isinstance(loader, Dataset) and not isinstance(loader, IterableDataset):
        warn(
            f"{name} is the dataset {type(loader).__name__} itself, so each of its samples counts as a batch. "
            "Wrap it in a torch.utils.data.DataLoader, unless that is meant."
        )
    if length_of(loader) == 0:
        warn(
            f"{name} has no batches, so it is skipped. Check the length of its dataset, and drop_last if a "
            "batch is larger than it."
        )
