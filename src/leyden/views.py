"""What programs read of a Trainer: properties that delegate to the one owner of each fact."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, inf
from typing import Any

from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from leyden.api.callback import Callback
from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.callbacks.checkpoint import Checkpoint
from leyden.callbacks.early_stopping import EarlyStopping
from leyden.callbacks.progress_bar import ProgressBar
from leyden.connectors import CheckpointConnector, Results
from leyden.core.hooks import HookedList
from leyden.core.stage import TrainerFn
from leyden.data.loader import EvaluationData
from leyden.errors import NoModelError
from leyden.loggers.logger import Logger
from leyden.loop.optimizers import SchedulerConfig
from leyden.run_views import RunViews
from leyden.session import Session
from leyden.strategies.connector import AcceleratorConnector
from leyden.strategies.hardware_views import HardwareViews
from leyden.strategies.precision import MixedPrecision, Precision
from leyden.strategies.strategy import Strategy


class TrainerViews(RunViews, HardwareViews):
    """The readable side of a Trainer, under Lightning's names."""

    _loggers: list[Logger]
    _callbacks: HookedList
    _precision_plugin: Precision
    _datamodule: DataModule | None

    # What it works with.

    @property
    def lightning_module(self) -> Module | None:
        return self._session.module if self._session is not None else None

    @property
    def model(self) -> Module | None:
        return self.lightning_module

    @property
    def datamodule(self) -> DataModule | None:
        """The data module that was last given or set. A call without a model uses it, too."""
        return self._datamodule

    @datamodule.setter
    def datamodule(self, datamodule: DataModule | None) -> None:
        self._datamodule = datamodule

    @property
    def optimizers(self) -> list[Optimizer]:
        return self._session.optimizers if self._session is not None else []

    @property
    def handed_optimizers(self) -> list[Any]:
        """The optimizers as a program steps them itself, in manual optimization."""
        run = self._session.run if self._session is not None else None
        return run.handed if run is not None else list(self.optimizers)

    @property
    def scaler(self) -> GradScaler | None:
        """The scaler of the loss in half precision."""
        run = self._session.run if self._session is not None else None
        return run.scaler if run is not None else None

    @property
    def lr_scheduler_configs(self) -> list[SchedulerConfig]:
        return self._session.schedulers if self._session is not None else []

    @property
    def train_dataloader(self) -> Any:
        data = self._training_data
        return data.loader if data is not None else None

    @property
    def val_dataloaders(self) -> Any:
        return self._loaders(TrainerFn.FITTING, TrainerFn.VALIDATING)

    @property
    def test_dataloaders(self) -> Any:
        return self._loaders(TrainerFn.TESTING)

    @property
    def predict_dataloaders(self) -> Any:
        return self._loaders(TrainerFn.PREDICTING)

    @property
    def num_training_batches(self) -> int | float:
        """Batches of an epoch; inf where the loader does not tell, or before it was asked."""
        data = self._training_data
        return data.size if data is not None else inf

    @property
    def num_val_batches(self) -> list[int | float]:
        return self._sizes(TrainerFn.FITTING, TrainerFn.VALIDATING)

    @property
    def num_sanity_val_batches(self) -> list[int | float]:
        return [min(size, self.settings.num_sanity_val_steps) for size in self._sizes(TrainerFn.FITTING)]

    @property
    def num_test_batches(self) -> list[int | float]:
        return self._sizes(TrainerFn.TESTING)

    @property
    def num_predict_batches(self) -> list[int | float]:
        return self._sizes(TrainerFn.PREDICTING)

    @property
    def enable_validation(self) -> bool:
        """Does fit validate?"""
        return self._session is not None and self._session.validates

    @property
    def estimated_stepping_batches(self) -> int | float:
        """Optimizer steps that fit will take, for schedulers; asks for the training loader if need be."""
        if self._fitted is None:
            return inf
        batches, epochs = self._fitted.training_data().size, self.settings.epochs
        if batches == inf or epochs == inf:
            return self.settings.max_steps
        return min(ceil(batches / self.settings.accumulate_grad_batches) * max(int(epochs), 1), self.settings.max_steps)

    @property
    def callbacks(self) -> list[Callback]:
        """Who listens, in order. The list may be changed, during a run too."""
        return self._callbacks

    @callbacks.setter
    def callbacks(self, callbacks: list[Callback]) -> None:
        self._callbacks[:] = callbacks

    @property
    def loggers(self) -> list[Logger]:
        """Where metrics go. It may be set, in a run too."""
        return self._loggers

    @loggers.setter
    def loggers(self, loggers: Iterable[Logger] | None) -> None:
        self._loggers[:] = loggers or ()

    @property
    def logger(self) -> Logger | None:
        """The first logger."""
        return self.loggers[0] if self.loggers else None

    @logger.setter
    def logger(self, logger: Logger | None) -> None:
        self.loggers = [] if logger is None else [logger]

    @property
    def log_dir(self) -> str | None:
        """Where the first logger writes, or the root directory."""
        return self.logger.log_dir or self.logger.save_dir if self.logger is not None else self.default_root_dir

    @property
    def checkpoint_callback(self) -> Checkpoint | None:
        return next(iter(self.checkpoint_callbacks), None)

    @property
    def checkpoint_callbacks(self) -> list[Checkpoint]:
        return [callback for callback in self.callbacks if isinstance(callback, Checkpoint)]

    @property
    def early_stopping_callback(self) -> EarlyStopping | None:
        return next(iter(self.early_stopping_callbacks), None)

    @property
    def early_stopping_callbacks(self) -> list[EarlyStopping]:
        return [callback for callback in self.callbacks if isinstance(callback, EarlyStopping)]

    @property
    def progress_bar_callback(self) -> ProgressBar | None:
        return next((callback for callback in self.callbacks if isinstance(callback, ProgressBar)), None)

    @property
    def strategy(self) -> Strategy:
        """Where the run computes, and how its processes agree."""
        strategy = self._strategy
        strategy.lightning_module, strategy.optimizers = self.lightning_module, self.optimizers
        strategy.precision_plugin = self.precision_plugin
        return strategy

    @property
    def precision_plugin(self) -> Precision:
        """The number format of the run, and what scales the loss in half precision."""
        plugin = self._precision_plugin
        if isinstance(plugin, MixedPrecision):
            plugin.scaler = self.scaler
        return plugin

    @property
    def _accelerator_connector(self) -> AcceleratorConnector:
        """Private in Lightning, and read by programs all the same."""
        return AcceleratorConnector(
            strategy=self._strategy,
            num_nodes=self._strategy.num_nodes,
            use_distributed_sampler=self.settings.use_distributed_sampler,
        )

    @property
    def _checkpoint_connector(self) -> CheckpointConnector:
        return CheckpointConnector(self._to_save)

    @property
    def _results(self) -> Results:
        return Results()

    def _to_save(self) -> Session:
        """The call that a checkpoint is made of.

        Raises:
            NoModelError: there was none.
        """
        if self._session is None:
            raise NoModelError(
                "save_checkpoint() needs a module, and this trainer has run none. Call it after fit() or inside it."
            )
        fitted = self._fitted
        # a model that was fitted and then tested is still saved with what its training needs to go on
        return fitted if fitted is not None and fitted.module is self._session.module else self._session

    def _evaluation_data(self, *fns: TrainerFn) -> EvaluationData | None:
        asked = (session.evaluation_data for fn, session in reversed(self._sessions.items()) if fn in fns)
        return next((data for data in asked if data is not None), None)

    def _loaders(self, *fns: TrainerFn) -> Any:
        data = self._evaluation_data(*fns)
        return data.loader if data is not None and data.sizes else None

    def _sizes(self, *fns: TrainerFn) -> list[int | float]:
        data = self._evaluation_data(*fns)
        return [] if data is None else list(data.sizes)
