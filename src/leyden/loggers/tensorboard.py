"""TensorBoardLogger: metrics, hyperparameters and the graph of a run for TensorBoard."""

from __future__ import annotations

import os
import warnings
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from numbers import Real
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import torch

from leyden._torch import hparams_summaries
from leyden.api.module import Module
from leyden.core.described import described
from leyden.core.packages import installed, require
from leyden.core.warnings import warn
from leyden.errors import DetachedError, LogError, SettingsError
from leyden.loggers.files import next_version, set_aside
from leyden.loggers.logger import Logger, outgoing, rank_zero_experiment
from leyden.redaction import redact_text, shown_name
from leyden.runtime.rank_zero import rank_zero_only
from leyden.security.paths import close_to_others, private_directory, replacing
from leyden.security.remote import is_url

if TYPE_CHECKING:
    from torch import Tensor, nn

_WRITER_ARGUMENTS = ("comment", "filename_suffix", "flush_secs", "max_queue", "purge_step")


class TensorBoardLogger(Logger):
    """Log to ``save_dir/name/version/sub_dir`` for TensorBoard, private to the user. A trainer's default logger.

    It needs the package ``tensorboard`` or ``tensorboardX``.

    Args:
        save_dir: where the logs of all experiments are kept; ``~`` and environment variables are expanded.
        name: the experiment's directory below it; empty or None for none.
        version: the run's directory below that. A number N stands for ``version_N``; None takes the next free one.
        log_graph: log the graph of the model, which needs its ``example_input_array``.
        default_hp_metric: log ``hp_metric``, a placeholder, with hyperparameters that come without metrics; TensorBoard
            shows hyperparameters only beside a metric.
        prefix: put before each metric's name.
        sub_dir: a directory below that of the version, for the files of TensorBoard.
        **kwargs: handed to ``SummaryWriter``: comment, filename_suffix, flush_secs, max_queue, purge_step.
    """

    NAME_HPARAMS_FILE = "hparams.yaml"
    LOGGER_JOIN_CHAR = "-"

    def __init__(
        self,
        save_dir: str | Path,
        name: str | None = "lightning_logs",
        version: int | str | None = None,
        log_graph: bool = False,
        default_hp_metric: bool = True,
        prefix: str = "",
        sub_dir: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        if not has_tensorboard():
            require("tensorboard", "TensorBoardLogger")
        self._save_dir = os.fspath(save_dir)
        if is_url(self._save_dir):
            raise SettingsError(
                f"TensorBoardLogger(save_dir={self._save_dir!r}) is a remote address, and files of TensorBoard "
                "grow, which those of a store cannot. Log to a local directory, or use CSVLogger."
            )
        if unknown := kwargs.keys() - set(_WRITER_ARGUMENTS):
            raise SettingsError(
                f"TensorBoardLogger({min(unknown)}=...): there is no such argument, here or in SummaryWriter. Known "
                f"beside its own are {', '.join(_WRITER_ARGUMENTS)}."
            )
        self._name = name or ""
        self._version = version
        self._log_graph = log_graph
        self._default_hp_metric = default_hp_metric
        self._prefix = prefix
        self._sub_dir = None if sub_dir is None else os.fspath(sub_dir)
        self._kwargs = kwargs
        self._experiment: Any = None
        self.hparams: dict[str, Any] = {}
        """The hyperparameters so far, as ``hparams.yaml`` has them."""
        self._written: str | None = None  # what hparams.yaml holds
        self._shown: dict[str, Any] | None = None  # the hyperparameters that TensorBoard shows beside the placeholder

    def __getstate__(self) -> dict[str, Any]:
        """Copies and spawned processes open a writer of their own."""
        return {**self.__dict__, "_experiment": None}

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> int | str:
        if self._version is None:
            self._version = next_version(Path(_expanded(self._experiment_dir)))
        return self._version

    @property
    def save_dir(self) -> str:
        return self._save_dir

    @property
    def sub_dir(self) -> str | None:
        return self._sub_dir

    @property
    def root_dir(self) -> str:
        return self._experiment_dir

    @property
    def log_dir(self) -> str:
        version = self.version if isinstance(self.version, str) else f"version_{self.version}"
        path = os.path.join(self._experiment_dir, version)  # noqa: PTH118
        return _expanded(path if self.sub_dir is None else os.path.join(path, self.sub_dir))  # noqa: PTH118

    @property
    def _experiment_dir(self) -> str:
        return os.path.join(self.save_dir, self.name)  # noqa: PTH118 - a Path would drop "./" and the last slash

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The ``SummaryWriter``, for what this interface does not have; it is made when it is first asked for."""
        if self._experiment is None:
            self._make_directory()
            self._experiment = _writer_class()(log_dir=self.log_dir, **self._kwargs)
            self._close_to_others()
        return self._experiment

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Take the metrics of one step; those in a dict under one name share a diagram."""
        if rank_zero_only.rank != 0:
            return
        writer = self.experiment
        for name, value in metrics.items():
            if not isinstance(name, str):
                raise LogError(f"The metric {name!r} has a name of type {type(name).__name__}. Log it under a text.")
            name = shown_name(name)
            tag = f"{self._prefix}{self.LOGGER_JOIN_CHAR}{name}" if self._prefix else name
            if isinstance(value, Mapping):
                curves = {shown_name(str(key)): _number(f"{name}[{key!r}]", item) for key, item in value.items()}
                # TensorBoard keeps each curve in a directory of its own.
                for key in curves:
                    private_directory(Path(self.log_dir, f"{tag.replace('/', '_')}_{key}"))
                writer.add_scalars(tag, curves, step)
                self._close_to_others()
            else:
                writer.add_scalar(tag, _number(name, value), step)

    def log_hyperparams(
        self,
        params: Mapping[str, Any] | Namespace | None = None,
        metrics: Mapping[str, Any] | float | None = None,
        step: int | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Take hyperparameters, for ``hparams.yaml`` and TensorBoard; other arguments are for other loggers.

        Args:
            params: the hyperparameters.
            metrics: what TensorBoard shows beside them: a dict of metrics, or one number, called ``hp_metric``.
            step: the place of the metrics on their axis.
        """
        if rank_zero_only.rank != 0:
            return
        given = outgoing(params)
        self.hparams.update(given)
        shown = dict(_flat(given))
        if metrics is None:
            # Each entry point logs the hyperparameters; once more, the placeholder would hide the real hp_metric.
            if not self._default_hp_metric or shown == self._shown:
                return
            self._shown = shown
            metrics = {"hp_metric": -1}
        elif not isinstance(metrics, Mapping):
            metrics = {"hp_metric": metrics}
        if metrics:
            self.log_metrics(metrics, step)
            named = {shown_name(str(name)): value for name, value in metrics.items()}
            for summary in hparams_summaries(self.experiment, shown, named):
                self.experiment._get_file_writer().add_summary(summary, step or 0)

    def log_graph(self, model: nn.Module, input_array: Tensor | None = None) -> None:
        """Take the model's graph, if it was asked for with ``log_graph=True``."""
        if not self._log_graph or rank_zero_only.rank != 0:
            return
        example: Any = getattr(model, "example_input_array", None) if input_array is None else input_array
        if example is None:
            warn(
                f"TensorBoardLogger(log_graph=True), but {type(model).__name__} has no example_input_array, so no "
                "graph is logged. Set it in __init__() to a batch that forward() takes."
            )
            return
        if not isinstance(example, (torch.Tensor, tuple, list)):
            warn(
                f"TensorBoardLogger(log_graph=True), but the example_input_array is {described(example)}, which "
                "TensorBoard cannot trace, so no graph is logged. Set it to a tensor or a tuple of tensors."
            )
            return
        if isinstance(model, Module):
            example = model.on_before_batch_transfer(example, 0)
            example = model.transfer_batch_to_device(example, model.device, 0)
            example = model.on_after_batch_transfer(example, 0)
        with warnings.catch_warnings(), _attached(model):
            # SummaryWriter has no other way yet.
            warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
            self.experiment.add_graph(model, example)

    def save(self) -> None:
        """Write ``hparams.yaml`` if the hyperparameters have changed, and what is held in memory."""
        if rank_zero_only.rank != 0:
            return
        if self._experiment is not None:
            self._experiment.flush()
        from leyden.api.hparams_yaml import dump_hparams  # here: YAML is slow to import

        text = dump_hparams(self.hparams)
        if text == self._written:
            return
        path = self._make_directory() / self.NAME_HPARAMS_FILE
        if self._written is None and path.exists() and path.read_text(encoding="utf-8") != text:
            set_aside([path])  # an earlier run's
        with replacing(path) as file:
            file.write(text.encode())
        self._written = text

    def finalize(self, status: str) -> None:
        """Write what is held in memory and close the writer; where more is logged there will be another."""
        if self._experiment is not None or self.hparams:
            self.save()
        if self._experiment is not None:
            self._experiment.close()
            self._experiment = None

    def _make_directory(self) -> Path:
        return private_directory(Path(self.log_dir))

    def _close_to_others(self) -> None:
        """The writer makes its files as the umask says."""
        for path in Path(self.log_dir).rglob("events.out.tfevents.*"):
            close_to_others(path)


def has_tensorboard() -> bool:
    """Is one of the packages installed that can write for TensorBoard?"""
    return installed("tensorboard") or installed("tensorboardX")


def _expanded(path: str) -> str:
    return os.path.expandvars(os.path.expanduser(path))  # noqa: PTH111 - a Path would drop "./" and the last slash


def _writer_class() -> Any:
    package = "torch.utils.tensorboard" if installed("tensorboard") else "tensorboardX"
    return import_module(package).SummaryWriter  # here, since it takes time and few processes log


@contextmanager
def _attached(model: nn.Module) -> Iterator[None]:
    """torch asks a module for all its attributes while it traces; one that no trainer runs would refuse to answer."""
    alone = model if isinstance(model, Module) and _is_alone(model) else None
    if alone is not None:
        alone.trainer = cast("Any", SimpleNamespace())  # it has nothing either, and says so as torch expects
    try:
        yield
    finally:
        if alone is not None:
            alone.trainer = None


def _is_alone(model: Module) -> bool:
    try:
        return model.trainer is None
    except DetachedError:
        return True


def _number(name: str, value: Any) -> float:
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        return value.item()
    if isinstance(value, Real):
        return float(value)
    found = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else repr(value)
    raise LogError(
        f"The metric {name!r} is {found}, and TensorBoard draws numbers. Log a number, or use the logger's experiment "
        "for text, images and histograms."
    )


def _flat(params: Mapping[Any, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Hyperparameters as TensorBoard takes them: nested ones with a slash in their name, what is no number as text."""
    for key, value in params.items():
        name = f"{before}{key}"
        inner = vars(value) if isinstance(value, Namespace) else value
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{name}/")
        elif isinstance(value, torch.Tensor) and value.numel() == 1:
            yield name, value.item()
        elif isinstance(value, (bool, int, float, str)):
            yield name, value
        else:
            yield name, redact_text(str(value))
