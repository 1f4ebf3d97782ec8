"""Where loaders come from: the call, the data module or the module, asked when they are first needed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final, get_args

from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler

from leyden.api.data_hooks import DataHooks
from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.core.described import described
from leyden.core.hooks import originals_of, overrides
from leyden.core.state import State
from leyden.core.warnings import warn
from leyden.data.combined import CombinedLoader, Mode, size_of
from leyden.data.loader import EvaluationData, TrainData, check_loader
from leyden.data.samples import has_own_order, in_order, without_drop_last
from leyden.data.sizes import batches_of, length_of
from leyden.errors import DataError, ModuleError
from leyden.runtime.seed import seed_worker, workers_are_seeded
from leyden.settings import Settings

Name = Literal["train_dataloader", "val_dataloader", "test_dataloader", "predict_dataloader"]


_ORIGINALS = originals_of(DataHooks, frozenset(get_args(Name)))


@final
@dataclass
class Source:
    """The loader, or loaders, of one stage."""

    name: Name
    given: Any  # what the call was given; None: ask the owner
    owner: DataHooks | None  # the data module or module that defines the method; None: nobody does

    @classmethod
    def of(cls, name: Name, given: Any, datamodule: DataModule | None, module: Module) -> Source:
        """With a data module, the module's own loaders are not asked for, as in Lightning."""
        owner = module if datamodule is None else datamodule
        return cls(name, given, owner if overrides(owner, _ORIGINALS, name) else None)

    @property
    def defined(self) -> bool:
        return self.given is not None or self.owner is not None

    def loaders(self, mode: Mode) -> CombinedLoader:
        """The loaders, combined in this mode unless the program has combined them itself.

        Raises:
            DataError: something among them is no loader.
        """
        found = self._ask()
        _warn_of_tensors(found, self.name)
        if isinstance(found, CombinedLoader):  # with limits of its own, which those of the run replace
            found, mode = found.iterables, found.mode
        combined = CombinedLoader(found, mode)
        for loader in combined.flattened:
            _ready(loader, self.name)
        return combined

    def _ask(self) -> Any:
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


def train_data(source: Source, settings: Settings, pulls: bool) -> TrainData:
    """The training loaders of a run; ``pulls``: does the step take its batches itself?

    Raises:
        DataError: something among them is no loader, or they are to be run one after the other.
        SettingsError: the limit does not fit their length.
    """
    loaders = source.loaders("max_size_cycle")
    if loaders.mode == "sequential":
        raise DataError(
            "the training loaders are a CombinedLoader with the mode 'sequential', in which training has no meaning: "
            "its loaders would not be told apart. Use 'min_size', 'max_size_cycle' or 'max_size', or a ConcatDataset."
        )
    if settings.overfit_batches:
        _put_in_order(loaders, source.name, settings.overfit_batches)
    sizes = _sizes(loaders, settings.limit_train_batches, "limit_train_batches")
    return TrainData(loaders, size_of(loaders.mode, sizes), pulls)


@final
class EvaluationSource:
    """The loaders of an evaluation, asked for at the first call and kept.

    Args:
        source: where they come from.
        limit: how many batches to take of each.
        argument: the name of the limit, for messages.
        check_loaders: sees whether the step can run so many loaders.
        overfit: the value of ``overfit_batches`` that they are not shuffled for, or 0.
        every: epochs after which they are asked for anew, or 0.
        state: where the run is.
        pulls: does the step take its batches itself?
    """

    def __init__(
        self,
        source: Source,
        limit: int | float,
        argument: str,
        check_loaders: Callable[[int], None],
        overfit: int | float,
        every: int,
        state: State,
        pulls: bool,
    ) -> None:
        self.loaded: EvaluationData | None = None
        self._source = source
        self._limit = limit
        self._argument = argument
        self._check_loaders = check_loaders
        self._overfit = overfit
        self._every = every
        self._state = state
        self._pulls = pulls

    def __call__(self, renew: bool = True) -> EvaluationData:
        due = renew and self.due
        if self.loaded is None or due:
            self.loaded = self._load()
        if due:
            self._state.val_asked = self._state.epoch + 1
        return self.loaded

    @property
    def due(self) -> bool:
        """Will the next call that may renew them ask for the loaders anew?"""
        state = self._state
        return self._every > 0 and (state.val_asked == 0 or state.epoch + 1 - state.val_asked >= self._every)

    def ready(self) -> None:
        """Have the loaders before the first validation; they are those of its epoch."""
        if self.loaded is None:
            self.loaded = self._load()
        if self._every:
            self._state.val_asked = self._state.val_asked or self._state.epoch + 1

    def _load(self) -> EvaluationData:
        if self._limit == 0:
            return EvaluationData(CombinedLoader([], "sequential"), [])
        loaders = self._source.loaders("sequential")
        if self._source.name == "predict_dataloader":
            if loaders.mode != "sequential":
                raise DataError(
                    f"the loaders of predict() are a CombinedLoader with the mode {loaders.mode!r}, in which a "
                    "prediction would not belong to one loader. Use the mode 'sequential', or a list of loaders."
                )
            if any(isinstance(getattr(loader, "sampler", None), RandomSampler) for loader in loaders.flattened):
                warn(f"{self._source.name} shuffles, so predictions do not come in the order of its dataset.")
            loaders.flattened = [without_drop_last(loader) for loader in loaders.flattened]
        if self._overfit:
            _put_in_order(loaders, self._source.name, self._overfit)
        data = EvaluationData(loaders, _sizes(loaders, self._limit, self._argument), pulls=self._pulls)
        self._check_loaders(data.streams)
        return data


def _sizes(loaders: CombinedLoader, limit: int | float, argument: str) -> list[int | float]:
    return [batches_of(loader, limit, argument) for loader in loaders.flattened]


def _ready(loader: Any, name: Name) -> None:
    """Check a loader, and give its workers random streams of their own where ``seed_everything`` asked for it."""
    check_loader(loader, name)
    if isinstance(loader, DataLoader):
        if loader.worker_init_fn is None and workers_are_seeded():
            loader.worker_init_fn = seed_worker
        if _starts_workers_anew(loader):
            warn(
                f"{name} starts its {loader.num_workers} worker processes anew in every epoch, which takes seconds "
                "where processes are spawned. Use DataLoader(persistent_workers=True)."
            )
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


def _starts_workers_anew(loader: DataLoader[Any]) -> bool:
    if not loader.num_workers or loader.persistent_workers:
        return False
    chosen = loader.multiprocessing_context or multiprocessing
    # To ask without allow_none would choose the method for the whole program.
    return (chosen.get_start_method(allow_none=True) or multiprocessing.get_all_start_methods()[0]) == "spawn"


def _warn_of_tensors(loaders: Any, name: Name) -> None:
    """Lightning takes a list of tensors as a list of loaders, and so does Leyden, which says so."""
    if isinstance(loaders, (list, tuple)) and loaders and all(isinstance(one, Tensor) for one in loaders):
        warn(
            f"{name} is a {type(loaders).__name__} of {len(loaders)} tensors, which are taken as {len(loaders)} "
            "loaders that give the rows of one tensor each. If the tensors are batches, use "
            "DataLoader(tensors, batch_size=None)."
        )


def _put_in_order(loaders: CombinedLoader, name: Name, overfit: int | float) -> None:
    """Replace the loaders by some that do not shuffle, so that every epoch has the same batches."""
    ordered = [in_order(loader) for loader in loaders.flattened]
    if any(new is not old for new, old in zip(ordered, loaders.flattened, strict=True)):
        warn(f"overfit_batches={overfit} repeats the same batches, so {name} gives them in the order of its dataset.")
        loaders.flattened = ordered
    if any(has_own_order(loader) for loader in ordered):
        warn(
            f"{name} has a batch sampler of its own, whose order overfit_batches={overfit} leaves alone. If it "
            "shuffles, each epoch has other batches; use DataLoader(shuffle=False)."
        )
