"""Callbacks that come with Leyden, each resolved when it is first used: most programs use few of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leyden.api.callback import Callback
    from leyden.callbacks.checkpoint import Checkpoint
    from leyden.callbacks.device_stats_monitor import DeviceStatsMonitor
    from leyden.callbacks.early_stopping import EarlyStopping
    from leyden.callbacks.finetuning import BackboneFinetuning, BaseFinetuning
    from leyden.callbacks.gradient_accumulation_scheduler import GradientAccumulationScheduler
    from leyden.callbacks.lambda_function import LambdaCallback
    from leyden.callbacks.lr_monitor import LearningRateMonitor
    from leyden.callbacks.model_checkpoint import ModelCheckpoint
    from leyden.callbacks.model_summary import ModelSummary
    from leyden.callbacks.on_exception_checkpoint import OnExceptionCheckpoint
    from leyden.callbacks.prediction_writer import BasePredictionWriter
    from leyden.callbacks.progress_bar import ProgressBar
    from leyden.callbacks.pruning import ModelPruning
    from leyden.callbacks.rich_model_summary import RichModelSummary
    from leyden.callbacks.rich_progress import RichProgressBar
    from leyden.callbacks.throughput_monitor import ThroughputMonitor
    from leyden.callbacks.timer import Timer
    from leyden.callbacks.tqdm_progress import TQDMProgressBar
    from leyden.callbacks.weight_averaging import EMAWeightAveraging, WeightAveraging

__all__ = [
    "BackboneFinetuning",
    "BaseFinetuning",
    "BasePredictionWriter",
    "Callback",
    "Checkpoint",
    "DeviceStatsMonitor",
    "EMAWeightAveraging",
    "EarlyStopping",
    "GradientAccumulationScheduler",
    "LambdaCallback",
    "LearningRateMonitor",
    "ModelCheckpoint",
    "ModelPruning",
    "ModelSummary",
    "OnExceptionCheckpoint",
    "ProgressBar",
    "RichModelSummary",
    "RichProgressBar",
    "TQDMProgressBar",
    "ThroughputMonitor",
    "Timer",
    "WeightAveraging",
]

_MODULES = {
    "BackboneFinetuning": "leyden.callbacks.finetuning",
    "BaseFinetuning": "leyden.callbacks.finetuning",
    "BasePredictionWriter": "leyden.callbacks.prediction_writer",
    "Callback": "leyden.api.callback",
    "Checkpoint": "leyden.callbacks.checkpoint",
    "DeviceStatsMonitor": "leyden.callbacks.device_stats_monitor",
    "EMAWeightAveraging": "leyden.callbacks.weight_averaging",
    "EarlyStopping": "leyden.callbacks.early_stopping",
    "GradientAccumulationScheduler": "leyden.callbacks.gradient_accumulation_scheduler",
    "LambdaCallback": "leyden.callbacks.lambda_function",
    "LearningRateMonitor": "leyden.callbacks.lr_monitor",
    "ModelCheckpoint": "leyden.callbacks.model_checkpoint",
    "ModelPruning": "leyden.callbacks.pruning",
    "ModelSummary": "leyden.callbacks.model_summary",
    "OnExceptionCheckpoint": "leyden.callbacks.on_exception_checkpoint",
    "ProgressBar": "leyden.callbacks.progress_bar",
    "RichModelSummary": "leyden.callbacks.rich_model_summary",
    "RichProgressBar": "leyden.callbacks.rich_progress",
    "TQDMProgressBar": "leyden.callbacks.tqdm_progress",
    "ThroughputMonitor": "leyden.callbacks.throughput_monitor",
    "Timer": "leyden.callbacks.timer",
    "WeightAveraging": "leyden.callbacks.weight_averaging",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'leyden.callbacks' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
