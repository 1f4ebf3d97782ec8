"""Trainer: explicit keywords become Settings, and each entry point a Session that runs a loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import Any, Literal

from torch import Tensor

from leyden.api.callback import Callback
from leyden.api.datamodule import DataModule
from leyden.api.module import Module
from leyden.callbacks.text_table import results_table
from leyden.checkpoint.background import Writer, checkpoints_in_flight
from leyden.core.described import described
from leyden.core.hooks import HookedList, Hooks
from leyden.core.metrics import Log
from leyden.core.stage import TrainerFn
from leyden.core.state import State
from leyden.equipment import callbacks_for, check_together, checkpoint_named, loggers_for, store_for
from leyden.errors import DetachedError, ModuleError, SettingsError, UsageError
from leyden.loggers.logger import Logger
from leyden.loop.run import Status
from leyden.running import run_evaluation, run_fit, run_prediction
from leyden.runtime.creation import created_on
from leyden.security.encryption import Encryption
from leyden.security.manifest import Manifest
from leyden.security.policy import Policy
from leyden.security.remote import Place, place_of
from leyden.session import Session
from leyden.settings import flag, refuse_in_barebones, refuse_unavailable, resolve
from leyden.strategies.accelerator import Accelerator
from leyden.strategies.checkpoint_io import without_checkpoint_io
from leyden.strategies.choose import check_can_run, precision_plugin_in, strategy_for
from leyden.strategies.precision import plugin_of
from leyden.strategies.strategy import Strategy
from leyden.views import TrainerViews


class Trainer(TrainerViews):
    """Runs a Module: training, validation, testing and prediction, with everything around it.

    A run has one process on one device. What needs more than that, and what else ``strategies.later`` lists, can be
    configured and read, and is refused when a run starts.

    Args:
        accelerator: "auto", "cpu", "gpu", "cuda" or "mps", or an Accelerator.
        strategy: how several processes work together: "auto", "single_device", "ddp" and its variants, or a Strategy.
        devices: how many, or a list of which; -1 for all.
        num_nodes: how many machines.
        precision: "32-true" (the default), "64-true", "16-true", "bf16-true" or "bf16-mixed".
        logger: a Logger or several, True for a CSV logger, False for none (default: True).
        callbacks: a Callback or several.
        fast_dev_run: run so many batches of each loop, to find mistakes; no logger, no checkpoint.
        max_epochs: end after so many epochs; -1 for no limit (default: 1000, unless max_steps or max_time is set).
        min_epochs: do not stop early before so many epochs.
        max_steps: end after so many optimizer steps; -1 for no limit.
        min_steps: do not stop early before so many optimizer steps.
        max_time: end after so much time: "DD:HH:MM:SS", a timedelta, or a dict of its arguments.
        limit_train_batches: an int is a number of batches of an epoch, a float a fraction; as in the next three.
        limit_val_batches: of each validation loader.
        limit_test_batches: of each test loader.
        limit_predict_batches: of each prediction loader.
        overfit_batches: train and validate on the same few batches, a number or a fraction, without shuffling.
        val_check_interval: validate every so many batches (int), in this fraction of an epoch (float), or after a time:
            "DD:HH:MM:SS", a timedelta, or a dict of its arguments.
        check_val_every_n_epoch: validate in every n-th epoch; None counts val_check_interval across epochs.
        num_sanity_val_steps: validation batches to run before training; -1 for all (default: 2).
        log_every_n_steps: optimizer steps between two rows of step metrics (default: 50).
        enable_checkpointing: add a ModelCheckpoint where there is none (default: True).
        enable_progress_bar: add a progress bar where there is none (default: True).
        enable_model_summary: print the layers before training (default: True).
        accumulate_grad_batches: batches of which the gradients are averaged for one optimizer step.
        gradient_clip_val: limit of the gradients.
        gradient_clip_algorithm: "norm" (the default) or "value".
        deterministic: demand deterministic algorithms; "warn" only warns where there is none.
        benchmark: let cuDNN look for the fastest algorithm.
        inference_mode: validate, test and predict under inference mode instead of no_grad.
        use_distributed_sampler: has no effect in one process.
        profiler: "simple", "advanced" or "pytorch".
        detect_anomaly: let autograd find the operation behind a NaN.
        barebones: no logger, no self.log, no checkpoints, progress bar, summary or sanity check.
        plugins: a precision plugin, for ``precision``, or AsyncCheckpointIO, for ``async_checkpointing``.
        sync_batchnorm: has no effect on one device.
        reload_dataloaders_every_n_epochs: ask for the loaders anew after so many epochs; 0: never.
        default_root_dir: where loggers and checkpoints write (default: the current directory).
        enable_autolog_hparams: write the hyperparameters of module and data module to the loggers.
        model_registry: None; Leyden has no hosted registry.
        async_checkpointing: write checkpoints on a thread while training goes on; a number limits those in flight
            (True: 2), each of which takes as much main memory as its tensors do. An error is raised at the next
            checkpoint or at the end of fit, and when fit is over, however it ended, all files are there.
        policy: whose checkpoints are read, and whether all have to be sealed: a Policy, "open", "default" or "strict".
        encryption: for whom checkpoints are encrypted, and what opens them: an Encryption.
        data_manifest: what the data is, for checkpoints to name: ``leyden.data.manifest(path)``, or the path itself.
        on_nonfinite: what is done about a loss or a gradient that is not finite: "raise" ends the run, "skip" leaves
            the step out, "rollback" also goes back to earlier weights, None does nothing (the default).

    Raises:
        SettingsError: an argument has no meaning, is not available, or contradicts another.
        PolicyError: the policy is none, or wants a seal where there is no key.
    """

    def __init__(
        self,
        *,
        accelerator: str | Accelerator = "auto",
        strategy: str | Strategy = "auto",
        devices: Sequence[int] | str | int = "auto",
        num_nodes: int = 1,
        precision: str | int | None = None,
        logger: Logger | Iterable[Logger] | bool | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        fast_dev_run: int | bool = False,
        max_epochs: int | None = None,
        min_epochs: int | None = None,
        max_steps: int = -1,
        min_steps: int | None = None,
        max_time: str | timedelta | Mapping[str, int] | None = None,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        val_check_interval: int | float | str | timedelta | Mapping[str, float] | None = None,
        check_val_every_n_epoch: int | None = 1,
        num_sanity_val_steps: int | None = None,
        log_every_n_steps: int | None = None,
        enable_checkpointing: bool | None = None,
        enable_progress_bar: bool | None = None,
        enable_model_summary: bool | None = None,
        accumulate_grad_batches: int = 1,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
        deterministic: bool | Literal["warn"] | None = None,
        benchmark: bool | None = None,
        inference_mode: bool = True,
        use_distributed_sampler: bool = True,
        profiler: Any = None,
        detect_anomaly: bool = False,
        barebones: bool = False,
        plugins: Any = None,
        sync_batchnorm: bool = False,
        reload_dataloaders_every_n_epochs: int = 0,
        default_root_dir: str | Path | None = None,
        enable_autolog_hparams: bool = True,
        model_registry: str | None = None,
        async_checkpointing: bool | int = False,
        policy: Policy | str | None = None,
        encryption: Encryption | None = None,
        data_manifest: Manifest | str | PathLike[str] | None = None,
        on_nonfinite: Literal["raise", "skip", "rollback"] | None = None,
    ) -> None:
        refuse_unavailable(model_registry=model_registry)
        barebones = flag("barebones", barebones)
        if barebones:
            refuse_in_barebones(
                logger=logger,
                enable_checkpointing=enable_checkpointing,
                enable_progress_bar=enable_progress_bar,
                enable_model_summary=enable_model_summary,
                num_sanity_val_steps=num_sanity_val_steps,
                log_every_n_steps=log_every_n_steps,
                fast_dev_run=fast_dev_run,
                detect_anomaly=detect_anomaly,
                profiler=profiler,
            )
            logger = enable_checkpointing = enable_progress_bar = enable_model_summary = False
            num_sanity_val_steps = log_every_n_steps = 0
        plugins, in_background = without_checkpoint_io(plugins)
        self.settings = resolve(
            accelerator=accelerator,
            strategy=strategy,
            devices=devices,
            num_nodes=num_nodes,
            precision=precision,
            plugins=plugins,
            profiler=profiler,
            use_distributed_sampler=use_distributed_sampler,
            fast_dev_run=fast_dev_run,
            max_epochs=max_epochs,
            min_epochs=min_epochs,
            max_steps=max_steps,
            min_steps=min_steps,
            max_time=max_time,
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            limit_test_batches=limit_test_batches,
            limit_predict_batches=limit_predict_batches,
            overfit_batches=overfit_batches,
            val_check_interval=val_check_interval,
            check_val_every_n_epoch=check_val_every_n_epoch,
            num_sanity_val_steps=num_sanity_val_steps,
            reload_dataloaders_every_n_epochs=reload_dataloaders_every_n_epochs,
            log_every_n_steps=log_every_n_steps,
            accumulate_grad_batches=accumulate_grad_batches,
            gradient_clip_val=gradient_clip_val,
            gradient_clip_algorithm=gradient_clip_algorithm,
            deterministic=deterministic,
            benchmark=benchmark,
            inference_mode=inference_mode,
            detect_anomaly=detect_anomaly,
            on_nonfinite=on_nonfinite,
            enable_autolog_hparams=enable_autolog_hparams,
            barebones=barebones,
            default_root_dir=default_root_dir,
        )
        self._strategy = strategy_for(strategy, accelerator, self.settings.devices, self.settings.num_nodes)
        self._precision_plugin = precision_plugin_in(plugins, strategy, precision) or plugin_of(
            self.settings.precision, self.settings.device.type
        )
        self._loggers = loggers_for(logger, self.settings)
        self._callbacks = HookedList(
            callbacks_for(callbacks, self.settings, enable_checkpointing, enable_progress_bar, enable_model_summary)
        )
        check_together(self._callbacks, self.loggers, self.settings)
        self.state = Status()
        self._position = State()
        self._log = Log(self.settings.device)
        self._hooks = Hooks()
        self._writer = Writer(
            checkpoints_in_flight(async_checkpointing or in_background),
            store_for(policy, encryption, data_manifest, self.settings),
        )
        self._session: Session | None = None
        self._sessions: dict[TrainerFn, Session] = {}
        self._datamodule: DataModule | None = None
        self._ckpt_path: Place | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Copies and spawned processes get the trainer as it was built and how far it has come, without its runs."""
        own = {**self.__dict__, "_callbacks": HookedList(self._callbacks), "_hooks": Hooks()}
        return {**own, "_datamodule": None, "_session": None, "_sessions": {}}

    def fit(
        self,
        model: Module,
        train_dataloaders: Any = None,
        val_dataloaders: Any = None,
        datamodule: DataModule | None = None,
        ckpt_path: str | Path | None = None,
        weights_only: bool | None = None,
    ) -> None:
        """Train a module.

        Args:
            model: the module.
            train_dataloaders: the training loader, or a DataModule; left out, the module's own.
            val_dataloaders: the validation loader, or a list of them.
            datamodule: a DataModule instead of loaders.
            ckpt_path: a checkpoint to resume from: a path, "last" or "best".
            weights_only: accepted for compatibility; loading is always safe.

        Raises:
            UsageError: something that training needs is missing or contradicts something else.
            CheckpointError: the checkpoint is damaged, malformed or belongs to another model.
        """
        train_dataloaders, datamodule = _either(train_dataloaders, datamodule, val_dataloaders)
        with self._writer.running(), self._open(TrainerFn.FITTING, model, datamodule, ckpt_path) as session:
            run_fit(session, train_dataloaders, val_dataloaders)
            self._writer.wait()
            session.finish()

    def validate(
        self,
        model: Module | None = None,
        dataloaders: Any = None,
        ckpt_path: str | Path | None = None,
        verbose: bool = True,
        datamodule: DataModule | None = None,
        weights_only: bool | None = None,
    ) -> list[dict[str, float]]:
        """Run the validation loop once; returns a dict of metrics for each loader.

        Args:
            model: the module; left out, the one that was fitted, with the weights of its best checkpoint.
            dataloaders: a loader, a list of them, or a DataModule.
            ckpt_path: a checkpoint to take the weights from: a path, "last" or "best".
            verbose: print the results as a table.
            datamodule: a DataModule instead of loaders.
            weights_only: accepted for compatibility; loading is always safe.
        """
        return self._evaluate(TrainerFn.VALIDATING, model, dataloaders, ckpt_path, verbose, datamodule)

    def test(
        self,
        model: Module | None = None,
        dataloaders: Any = None,
        ckpt_path: str | Path | None = None,
        verbose: bool = True,
        datamodule: DataModule | None = None,
        weights_only: bool | None = None,
    ) -> list[dict[str, float]]:
        """Run the test loop once; arguments and answer are those of ``validate``."""
        return self._evaluate(TrainerFn.TESTING, model, dataloaders, ckpt_path, verbose, datamodule)

    def predict(
        self,
        model: Module | None = None,
        dataloaders: Any = None,
        datamodule: DataModule | None = None,
        return_predictions: bool | None = None,
        ckpt_path: str | Path | None = None,
        weights_only: bool | None = None,
    ) -> list[Any] | None:
        """Run the prediction loop once; returns what ``predict_step`` returned for each batch.

        Args:
            model: the module; left out, the one that was fitted, with the weights of its best checkpoint.
            dataloaders: a loader, a list of them, or a DataModule.
            datamodule: a DataModule instead of loaders.
            return_predictions: False keeps nothing, for callbacks that write predictions away; the answer is None.
            ckpt_path: a checkpoint to take the weights from: a path, "last" or "best".
            weights_only: accepted for compatibility; loading is always safe.

        Returns:
            A list of predictions, or one for each loader where there are several.
        """
        dataloaders, datamodule = _either(dataloaders, datamodule)
        keep = return_predictions is not False
        predictions: list[list[Any]] = []
        with self._open(TrainerFn.PREDICTING, model, datamodule, ckpt_path) as session:
            predictions = run_prediction(session, dataloaders, keep)
            session.finish()
        if not keep or not any(predictions):
            return None
        return predictions[0] if len(predictions) == 1 else predictions

    def save_checkpoint(
        self, filepath: str | Path, weights_only: bool | None = None, storage_options: Any = None
    ) -> None:
        """Write a checkpoint of this moment.

        Args:
            filepath: where to; the file is replaced whole or not at all, in the background of a fit where
                ``async_checkpointing`` asks for that.
            weights_only: leave out what only a resumed run needs.
            storage_options: None; options of a remote store are given once, with ``leyden.allow_remote``.

        Raises:
            EncodeError: something in the checkpoint has no safe encoding; the message names it.
            WriteError: the system does not take the file; what was there before is whole.
        """
        session = self._to_save()
        if storage_options is not None:
            raise SettingsError(
                "storage_options are given once, with leyden.allow_remote(..., options=...). Leave them out here."
            )
        self._writer.save(session.dump(bool(weights_only)), place_of(filepath, expand=True))

    @property
    def checkpoint_writer(self) -> Writer:
        """What writes checkpoints, at once or in the background."""
        return self._writer

    def init_module(self, empty_init: bool | None = None) -> AbstractContextManager[None]:
        """A block in which modules are made on the device of this trainer and in the number format of its precision.

        Args:
            empty_init: leave parameters as memory happens to be, for weights that are about to be loaded.
        """
        return created_on(self.settings.device, self.settings.precision.weights, bool(empty_init))

    def manual_backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """What ``Module.manual_backward`` calls: the hooks around backward, and the scaling of the precision."""
        run = self._session.run if self._session is not None else None
        if run is None:
            raise DetachedError(
                "manual_backward() works in training_step() of a running fit. Call loss.backward() elsewhere."
            )
        run.hooks.on_before_backward(loss)
        run.backward(loss, *args, **kwargs)
        run.hooks.on_after_backward()

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print without tearing the progress bar."""
        bar = self.progress_bar_callback
        (print if bar is None else bar.print)(*args, **kwargs)

    def _evaluate(
        self,
        fn: TrainerFn,
        model: Module | None,
        dataloaders: Any,
        ckpt_path: str | Path | None,
        verbose: bool,
        datamodule: DataModule | None,
    ) -> list[dict[str, float]]:
        dataloaders, datamodule = _either(dataloaders, datamodule)
        results: list[dict[str, float]] = []
        with self._open(fn, model, datamodule, ckpt_path) as session:
            results = run_evaluation(session, dataloaders)
            session.finish()
        if verbose and self.is_global_zero and any(results):
            print(results_table(results))  # noqa: T201 - this is what it is for
        return results

    def _open(
        self, fn: TrainerFn, model: Module | None, datamodule: DataModule | None, ckpt_path: str | Path | None
    ) -> Session:
        if (hook := self._log.hook) not in (None, "on_train_end", "on_fit_end", "teardown"):
            raise UsageError(
                f"{fn}() was called inside {hook} of a run of the same trainer, which it would disturb. Call it when "
                "the run is over, in on_fit_end, or on another Trainer."
            )
        check_can_run(self._strategy, self.settings.profiler, self.settings.use_distributed_sampler)
        earlier = self._session
        module: object = model if model is not None else (earlier.module if earlier is not None else None)
        if not isinstance(module, Module):
            found = "no model, and this trainer has run none" if module is None else f"{described(module)} as model"
            raise ModuleError(f"{fn}() was given {found}. Pass an object of a subclass of leyden.Module.")
        if "_modules" not in vars(module):
            raise ModuleError(
                f"{type(module).__name__}.__init__() does not call super().__init__(). Call it first, before layers "
                "and hyperparameters are set."
            )
        if datamodule is None and model is None:
            datamodule = self._datamodule
        if datamodule is not None:
            self._datamodule = datamodule
        self._ckpt_path = checkpoint_named(ckpt_path, fn, model is None, self)
        self._session = session = Session(
            trainer=self,
            settings=self.settings,
            fn=fn,
            module=module,
            datamodule=datamodule,
            callbacks=self._callbacks,
            loggers=self.loggers,
            hooks=self._hooks,
            log=self._log,
            status=self.state,
            state=self._position,
            ckpt_path=self._ckpt_path,
            by_name=ckpt_path in (None, "best", "last"),
            store=self._writer.store,
        )
        self._sessions.pop(fn, None)
        self._sessions[fn] = session  # the latest stands last
        return session


def _either(loaders: Any, datamodule: DataModule | None, val_loaders: Any = None) -> tuple[Any, DataModule | None]:
    """Loaders or a data module, whichever the call was given; a data module may stand in the place of the loaders."""
    if isinstance(loaders, DataModule):
        if datamodule is not None:
            raise SettingsError("two data modules were given, one of them in the place of loaders. Give one.")
        loaders, datamodule = None, loaders
    if not isinstance(datamodule, (DataModule, NoneType)):
        raise SettingsError(
            f"{described(datamodule)} was given as datamodule. Pass an object of a subclass of leyden.DataModule; "
            "loaders have arguments of their own."
        )
    if datamodule is not None and (loaders is not None or val_loaders is not None):
        raise SettingsError("both loaders and a data module were given. Give one of them.")
    return loaders, datamodule
