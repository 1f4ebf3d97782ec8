"""CSVLogger: metrics of a run in a file that a spreadsheet opens."""

from __future__ import annotations

import csv
import io
import os
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from leyden.checkpoint import remote_files
from leyden.core.warnings import warn
from leyden.errors import LogError, SettingsError
from leyden.loggers.files import next_version, set_aside
from leyden.loggers.logger import Logger, outgoing, rank_zero_experiment
from leyden.redaction import redact_text, shown_name
from leyden.runtime.rank_zero import rank_zero_only
from leyden.security.paths import append, private_directory, replacing, write_all
from leyden.security.remote import Remote, place_of


class ExperimentWriter:
    """Writes ``metrics.csv`` and ``hparams.yaml`` in one directory.

    Rows are held until ``save``, which appends them. Only a metric that was never there before makes ``save`` write the
    file anew, beside the old one and then in its place, so that a crash at any moment leaves every row that was saved.
    """

    NAME_METRICS_FILE = "metrics.csv"
    NAME_HPARAMS_FILE = "hparams.yaml"

    def __init__(self, log_dir: str) -> None:
        self.log_dir = log_dir
        self.metrics: list[dict[str, Any]] = []
        self.metrics_keys: list[str] = []
        self.hparams: dict[str, Any] = {}
        place = place_of(log_dir)
        self._remote = place if isinstance(place, Remote) else None
        self._saved: list[dict[str, Any]] = []  # all rows, where a file cannot grow and is written whole each time
        if self._remote is not None:
            self.metrics_file_path = str(self._remote.child(self.NAME_METRICS_FILE))
            self._refuse_earlier_files(self._remote)
            return
        self.metrics_file_path = str(Path(log_dir, self.NAME_METRICS_FILE))
        private_directory(Path(log_dir))
        self._keep_earlier_files()

    def log_hparams(self, params: Mapping[str, Any]) -> None:
        """Write hyperparameters; later values of a name replace earlier ones."""
        self.hparams.update(params)
        from leyden.api.hparams_yaml import dump_hparams, save_hparams_yaml  # here: YAML is slow to import

        if self._remote is not None:
            _upload(self._remote.child(self.NAME_HPARAMS_FILE), dump_hparams(self.hparams))
            return
        save_hparams_yaml(Path(self.log_dir, self.NAME_HPARAMS_FILE), self.hparams)

    def log_metrics(self, metrics_dict: Mapping[str, Any], step: int | None = None) -> None:
        """Hold one row; without a ``step`` it gets its place among the rows that are held."""
        row = {shown_name(name): _cell(name, value) for name, value in metrics_dict.items()}
        row["step"] = len(self.metrics) if step is None else step
        self.metrics.append(row)

    def save(self) -> None:
        """Write the rows that are held."""
        if not self.metrics:
            return
        if self._remote is not None:
            self._saved += self.metrics
            self.metrics_keys = sorted({*self.metrics_keys}.union(*self.metrics))
            head = dict(zip(self.metrics_keys, self.metrics_keys, strict=True))
            _upload(self._remote.child(self.NAME_METRICS_FILE), _rows([head, *self._saved], self.metrics_keys))
            self.metrics = []
            return
        new = set().union(*self.metrics).difference(self.metrics_keys)
        if new:
            columns = sorted(new.union(self.metrics_keys))
            with replacing(Path(self.metrics_file_path)) as file:
                file.write("".join(self._whole_file(columns)).encode())
            self.metrics_keys = columns
        else:
            append(Path(self.metrics_file_path), _rows(self.metrics, self.metrics_keys).encode())
        self.metrics = []

    def _whole_file(self, columns: list[str]) -> Iterable[str]:
        yield _rows([dict(zip(columns, columns, strict=True))], columns)
        if self.metrics_keys:
            with Path(self.metrics_file_path).open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    yield _rows([row], columns)
        yield _rows(self.metrics, columns)

    def _refuse_earlier_files(self, folder: Remote) -> None:
        """Objects cannot be renamed, and one that another run wrote is not replaced."""
        for name in (self.NAME_METRICS_FILE, self.NAME_HPARAMS_FILE):
            if remote_files.exists(folder.child(name)):
                raise SettingsError(
                    f"{folder} holds the log of an earlier run. Leave out version= to get a directory of its own for "
                    "each run."
                )

    def _keep_earlier_files(self) -> None:
        names = (self.NAME_METRICS_FILE, self.NAME_HPARAMS_FILE)
        kept = set_aside([Path(self.log_dir, name) for name in names])
        if kept:
            warn(
                f"{self.log_dir} holds the log of an earlier run. It was kept as {' and '.join(p.name for p in kept)}; "
                "leave out version= to get a directory of its own for each run."
            )


class CSVLogger(Logger):
    """Log to ``save_dir/name/version/metrics.csv``, private to the user.

    Args:
        save_dir: where the logs of all experiments are kept, here or in a store (``s3://bucket/logs``, see
            ``leyden.allow_remote``), where the files are written whole each time.
        name: the experiment's directory below it; empty or None for none.
        version: the run's directory below that. A number N stands for ``version_N``; None takes the next free one.
        prefix: put before each metric's name.
        flush_logs_every_n_steps: how often rows are written; they are held in memory in between.
    """

    LOGGER_JOIN_CHAR = "-"

    def __init__(
        self,
        save_dir: str | Path,
        name: str | None = "lightning_logs",
        version: int | str | None = None,
        prefix: str = "",
        flush_logs_every_n_steps: int = 100,
    ) -> None:
        directory = os.fspath(save_dir)
        place_of(save_dir)  # finds now what could not be written to later
        if flush_logs_every_n_steps < 1:
            raise SettingsError(
                f"CSVLogger(flush_logs_every_n_steps={flush_logs_every_n_steps}) never writes a row. Use 1 or more."
            )
        self._save_dir = str(Path(directory).expanduser()) if directory.startswith("~") else directory
        self._name = name or ""
        self._version = version
        self._prefix = prefix
        self._flush_logs_every_n_steps = flush_logs_every_n_steps
        self._experiment: ExperimentWriter | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> int | str:
        if self._version is None:
            self._version = next_version(place_of(self.root_dir))
        return self._version

    @property
    def save_dir(self) -> str:
        return self._save_dir

    @property
    def root_dir(self) -> str:
        return os.path.join(self.save_dir, self.name)  # noqa: PTH118 - a Path would drop "./" and the last slash

    @property
    def log_dir(self) -> str:
        version = self.version if isinstance(self.version, str) else f"version_{self.version}"
        return os.path.join(self.root_dir, version)  # noqa: PTH118

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """The writer; its directory is made when it is first asked for."""
        if self._experiment is None:
            self._experiment = ExperimentWriter(self.log_dir)
        return self._experiment

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Take the metrics of one step."""
        writer = self._writer()
        if writer is None:
            return
        if self._prefix:
            metrics = {f"{self._prefix}{self.LOGGER_JOIN_CHAR}{name}": value for name, value in metrics.items()}
        place = len(writer.metrics) if step is None else step
        writer.log_metrics(metrics, place)
        if (place + 1) % self._flush_logs_every_n_steps == 0:
            self.save()

    def log_hyperparams(self, params: Mapping[str, Any] | Namespace | None = None, *args: Any, **kwargs: Any) -> None:
        """Write hyperparameters to ``hparams.yaml``; other arguments are for other loggers."""
        self.experiment.log_hparams(outgoing(params))

    def save(self) -> None:
        """Write what is held in memory."""
        if (writer := self._writer()) is not None:
            writer.save()

    def finalize(self, status: str) -> None:
        """Write what is held in memory, unless nothing was ever logged."""
        if self._experiment is not None:
            self._experiment.save()

    def _writer(self) -> ExperimentWriter | None:
        """The writer, or None on all processes but the first; asking for the rank each time would cost too much."""
        if self._experiment is None:
            return self.experiment if rank_zero_only.rank == 0 else None
        return self._experiment


def _upload(remote: Remote, text: str) -> None:
    with remote_files.uploading(remote) as file:
        write_all(file, text.encode())


def _cell(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if not isinstance(value, torch.Tensor):
        return value
    if value.numel() != 1:
        raise LogError(
            f"The metric {name!r} is a tensor of shape {tuple(value.shape)}, and a cell holds one number. "
            "Log its mean, or each element under a name of its own."
        )
    return value.item()


def _rows(rows: Iterable[Mapping[str, Any]], columns: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([row.get(name) for name in columns] for row in rows)
    return text.getvalue()
