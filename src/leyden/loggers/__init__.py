"""Loggers that come with Leyden."""

from leyden.loggers.csv import CSVLogger
from leyden.loggers.logger import Logger

__all__ = ["CSVLogger", "Logger"]
