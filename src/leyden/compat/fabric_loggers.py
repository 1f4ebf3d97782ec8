"""Loggers with the arguments that they have in Lightning's Fabric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leyden.loggers import csv, tensorboard


class CSVLogger(csv.CSVLogger):
    """Log to ``root_dir/name/version/metrics.csv``; the arguments are those of ``leyden.loggers.CSVLogger``."""

    def __init__(
        self,
        root_dir: str | Path,
        name: str | None = "lightning_logs",
        version: int | str | None = None,
        prefix: str = "",
        flush_logs_every_n_steps: int = 100,
    ) -> None:
        super().__init__(root_dir, name, version, prefix, flush_logs_every_n_steps)


class TensorBoardLogger(tensorboard.TensorBoardLogger):
    """Log to ``root_dir/name/version/sub_dir``; the arguments are those of ``leyden.loggers.TensorBoardLogger``."""

    def __init__(
        self,
        root_dir: str | Path,
        name: str | None = "lightning_logs",
        version: int | str | None = None,
        default_hp_metric: bool = True,
        prefix: str = "",
        sub_dir: str | Path | None = None,
        log_graph: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(root_dir, name, version, log_graph, default_hp_metric, prefix, sub_dir, **kwargs)

    @property
    def root_dir(self) -> str:
        """Where the logs of all experiments are kept."""
        return self.save_dir
