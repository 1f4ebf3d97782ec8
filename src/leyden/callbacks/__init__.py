"""Callbacks that come with Leyden."""

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
