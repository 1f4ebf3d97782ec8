"""Logger: where metrics and hyperparameters of a run go."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from leyden.runtime.rank_zero import rank_zero_only
from leyden.security.redact import redacted

if TYPE_CHECKING:
    from torch import Tensor, nn


@runtime_checkable
class LoggerLike(Protocol):
    """What a trainer asks of its loggers. An object that has all of it may take the place of a ``Logger``."""

    name: Any
    version: Any
    save_dir: Any
    log_dir: Any

    def log_metrics(self, metrics: Any, step: Any = None) -> None: ...

    def log_hyperparams(self, params: Any) -> None: ...

    def log_graph(self, model: Any) -> None: ...

    def save(self) -> None: ...

    def finalize(self, status: str) -> None: ...

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None: ...


class Logger(ABC):
    """Base of all loggers: subclass it, answer the four abstract members and override what else you need."""

    @property
    @abstractmethod
    def name(self) -> str | None:
        """The name of the experiment; a directory is named after it."""

    @property
    @abstractmethod
    def version(self) -> int | str | None:
        """Which run of the experiment this is."""

    @property
    def experiment(self) -> Any:
        """The object of the backend's own library, for what this interface does not have."""
        return None

    @property
    def save_dir(self) -> str | None:
        """Where logs of all experiments are kept."""
        return None

    @property
    def root_dir(self) -> str | None:
        """Where all versions of this experiment are kept."""
        return None

    @property
    def log_dir(self) -> str | None:
        """Where this version is kept; checkpoints go there too."""
        return None

    @property
    def group_separator(self) -> str:
        """What stands between the parts of a metric's name."""
        return "/"

    @abstractmethod
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take the metrics of one step."""

    @abstractmethod
    def log_hyperparams(self, params: Mapping[str, Any] | Namespace | None, *args: Any, **kwargs: Any) -> None:
        """Take hyperparameters; what was given before is kept and updated."""

    def log_graph(self, model: nn.Module, input_array: Tensor | None = None) -> None:  # noqa: B027
        """Take the model's graph."""

    def save(self) -> None:  # noqa: B027
        """Write what is still held in memory."""

    def finalize(self, status: str) -> None:
        """The run is over: ``status`` is "success", "failed" or the like."""
        self.save()

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:  # noqa: B027
        """A checkpoint was saved by ``checkpoint_callback``."""


class DummyExperiment:
    """Stands in for an experiment where nothing is to be logged: takes every call and gives nothing back."""

    def nop(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return self.nop

    def __getitem__(self, _: Any) -> DummyExperiment:
        return self

    def __setitem__(self, *_: Any) -> None:
        pass


class DummyLogger(Logger):
    """Takes the place of every logger in ``fast_dev_run``: nothing is written."""

    def __init__(self) -> None:
        self._experiment = DummyExperiment()

    @property
    def name(self) -> str:
        return ""

    @property
    def version(self) -> str:
        return ""

    @property
    def experiment(self) -> DummyExperiment:
        return self._experiment

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        pass

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[..., None]:
        # Methods that only the logger it replaces has; the machinery of copy and pickle must not find any.
        if name.startswith("__") or name == "_experiment":
            raise AttributeError(name)
        return self._experiment.nop

    def __getitem__(self, _: int) -> DummyLogger:
        return self

    def __iter__(self) -> Iterator[DummyLogger]:
        yield self


def rank_zero_experiment(fn: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Decorate a logger's ``experiment``: the real one on the first process, a dummy on all others."""

    @functools.wraps(fn)
    def experiment(self: Any) -> Any:
        return fn(self) if rank_zero_only.rank == 0 else DummyExperiment()

    return experiment


def outgoing(params: Mapping[str, Any] | Namespace | None) -> dict[str, Any]:
    """Hyperparameters on their way out, as a dictionary without secrets. Loggers write nothing else of them."""
    if params is None:
        return {}
    plain: dict[str, Any] = redacted(dict(vars(params)) if isinstance(params, Namespace) else dict(params))
    return plain
