"""Callbacks that come with Leyden."""

from leyden.api.callback import Callback
from leyden.callbacks.checkpoint import Checkpoint
from leyden.callbacks.early_stopping import EarlyStopping
from leyden.callbacks.model_checkpoint import ModelCheckpoint
from leyden.callbacks.model_summary import ModelSummary
from leyden.callbacks.progress_bar import ProgressBar
from leyden.callbacks.tqdm_progress import TQDMProgressBar

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "ModelCheckpoint",
    "ModelSummary",
    "ProgressBar",
    "TQDMProgressBar",
]
