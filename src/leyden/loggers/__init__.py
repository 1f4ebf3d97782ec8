"""Loggers that come with Leyden."""

from leyden.loggers.csv import CSVLogger
from leyden.loggers.logger import Logger
from leyden.loggers.tensorboard import TensorBoardLogger

__all__ = ["CSVLogger", "Logger", "TensorBoardLogger"]
