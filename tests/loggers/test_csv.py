from __future__ import annotations

import math
import os
import pickle
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tests.s3_like import store

import leyden as L
from leyden.errors import LogError, RemoteError, SettingsError
from leyden.loggers import files
from leyden.loggers.csv import CSVLogger
from leyden.loggers.logger import DummyExperiment
from leyden.security import paths


def written(logger: CSVLogger) -> bytes:
    return Path(logger.log_dir, "metrics.csv").read_bytes()


def mode(path: str | Path) -> int:
    return Path(path).stat().st_mode & 0o777


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fsync(_: int) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(paths.os, "fsync", fsync)
        yield


# The expected bytes here are what pytorch-lightning 2.6.6 writes for the same calls.


def test_columns_are_sorted_and_a_missing_value_is_an_empty_cell(tmp_path):
    logger = CSVLogger(tmp_path)
    logger.log_metrics({"b": 2.5, "a": 1}, step=0)
    logger.log_metrics({"a": 2}, step=1)
    logger.log_metrics({"a": None, "b": 1}, step=2)
    logger.save()
    assert written(logger) == b"a,b,step\r\n1,2.5,0\r\n2,,1\r\n,1,2\r\n"


def test_a_column_that_appears_later_takes_its_place_among_the_others(tmp_path):
    logger = CSVLogger(tmp_path)
    logger.log_metrics({"z": 1, "b": 2}, step=0)
    logger.save()
    logger.log_metrics({"m": "x,\ny"}, step=1)
    logger.save()
    logger.log_metrics({"c": 3}, step=2)
    logger.save()
    assert written(logger) == b'b,c,m,step,z\r\n2,,,0,1\r\n,,"x,\ny",1,\r\n,3,,2,\r\n'


def test_values_are_written_as_lightning_writes_them(tmp_path):
    logger = CSVLogger(tmp_path)
    row = {
        "a": torch.tensor(3.3),
        "b": torch.tensor(2),
        "c": torch.tensor([4.5]),
        "d": True,
        "e": math.nan,
        "f": -math.inf,
        "g": np.float32(0.1),
        "h": 1e-7,
        "i": 10**20,
        "j": 'x,"y"',
        "k": None,
    }
    logger.log_metrics(row, step=0)
    logger.save()
    values = b'3.299999952316284,2,4.5,True,nan,-inf,0.1,1e-07,100000000000000000000,"x,""y""",,0'
    assert written(logger).splitlines()[1] == values


def test_the_step_of_the_call_wins_over_a_metric_of_that_name(tmp_path):
    logger = CSVLogger(tmp_path)
    logger.log_metrics({"step": 99, "a": 1}, step=7)
    logger.save()
    assert written(logger) == b"a,step\r\n1,7\r\n"


def test_without_a_step_a_row_gets_its_place_since_the_last_write(tmp_path):
    logger = CSVLogger(tmp_path, flush_logs_every_n_steps=2)
    for value in (5, 6, 7):
        logger.log_metrics({"a": value})
    logger.save()
    assert written(logger) == b"a,step\r\n5,0\r\n6,1\r\n7,0\r\n"


def test_a_prefix_is_put_before_every_name_and_not_before_the_step(tmp_path):
    logger = CSVLogger(tmp_path, prefix="tr")
    logger.log_metrics({"a": 1, "step": 4}, step=1)
    logger.save()
    assert written(logger) == b"step,tr-a,tr-step\r\n1,1,4\r\n"


def test_rows_are_held_until_the_flush_step(tmp_path):
    logger = CSVLogger(tmp_path, flush_logs_every_n_steps=3)
    for step in (0, 1):
        logger.log_metrics({"a": step}, step=step)
    assert not Path(logger.log_dir, "metrics.csv").exists()
    logger.log_metrics({"a": 2}, step=2)
    assert written(logger) == b"a,step\r\n0,0\r\n1,1\r\n2,2\r\n"
    assert logger.experiment.metrics == []


def test_finalize_writes_what_is_held_and_makes_nothing_where_nothing_was_logged(tmp_path):
    silent, logger = CSVLogger(tmp_path, name="silent"), CSVLogger(tmp_path, name="spoken")
    logger.log_metrics({"a": 1}, step=0)
    silent.finalize("success")
    logger.finalize("failed")
    assert written(logger) == b"a,step\r\n1,0\r\n"
    assert [path.name for path in tmp_path.iterdir()] == ["spoken"]


def test_known_columns_are_appended_and_the_file_is_not_written_anew(tmp_path):
    logger = CSVLogger(tmp_path)
    logger.log_metrics({"a": 1}, step=0)
    logger.save()
    inode = Path(logger.experiment.metrics_file_path).stat().st_ino
    logger.log_metrics({"a": 2}, step=1)
    logger.save()
    assert Path(logger.experiment.metrics_file_path).stat().st_ino == inode
    assert written(logger) == b"a,step\r\n1,0\r\n2,1\r\n"


def test_a_failure_while_a_column_is_added_leaves_the_rows_that_were_saved(tmp_path, monkeypatch):
    logger = CSVLogger(tmp_path)
    logger.log_metrics({"a": 1}, step=0)
    logger.save()
    logger.log_metrics({"b": 2}, step=1)
    with full_disk(monkeypatch), pytest.raises(OSError, match="no space left"):
        logger.save()
    assert written(logger) == b"a,step\r\n1,0\r\n"
    assert [path.name for path in Path(logger.log_dir).iterdir()] == ["metrics.csv"]


def test_a_write_that_failed_can_be_tried_again(tmp_path, monkeypatch):
    logger = CSVLogger(tmp_path)
    logger.log_metrics({"a": 1}, step=0)
    with full_disk(monkeypatch), pytest.raises(OSError, match="no space left"):
        logger.save()
    logger.save()
    assert written(logger) == b"a,step\r\n1,0\r\n"


def test_a_metric_that_is_not_one_number_is_named(tmp_path):
    with pytest.raises(LogError, match=r"'scores' is a tensor of shape \(2,\)"):
        CSVLogger(tmp_path).log_metrics({"scores": torch.ones(2)}, step=0)


# Directories and versions.


def test_properties_make_no_directory(tmp_path):
    logger = CSVLogger(tmp_path)
    assert (logger.name, logger.version) == ("lightning_logs", 0)
    assert logger.save_dir == str(tmp_path)
    assert logger.root_dir == str(tmp_path / "lightning_logs")
    assert logger.log_dir == str(tmp_path / "lightning_logs" / "version_0")
    assert list(tmp_path.iterdir()) == []


def test_the_next_version_follows_the_highest_directory(tmp_path):
    for name in ("version_3", "version_12", "version_x", "other_40", "version_12_1"):
        tmp_path.joinpath("logs", name).mkdir(parents=True)
    tmp_path.joinpath("logs", "version_50").touch()
    assert CSVLogger(tmp_path, name="logs").version == 13


def test_runs_one_after_another_get_versions_one_after_another(tmp_path):
    loggers = [CSVLogger(tmp_path) for _ in range(3)]
    for logger in loggers:
        logger.log_metrics({"a": 1}, step=0)
    assert [logger.version for logger in loggers] == [0, 1, 2]


@pytest.mark.parametrize(("version", "directory"), [(7, "version_7"), ("7", "7"), ("tuned", "tuned"), ("a/b", "a/b")])
def test_a_number_stands_for_version_n_and_a_text_for_itself(tmp_path, version, directory):
    logger = CSVLogger(tmp_path, name="n", version=version)
    assert logger.version == version
    assert logger.log_dir == str(tmp_path / "n" / directory)


@pytest.mark.parametrize("name", ["", None])
def test_without_a_name_versions_stand_in_the_directory_itself(tmp_path, name):
    logger = CSVLogger(tmp_path, name=name)
    assert logger.name == ""
    assert Path(logger.log_dir) == tmp_path / "version_0"


def test_an_earlier_run_of_the_same_version_is_kept_aside(tmp_path):
    first, second, third = (CSVLogger(tmp_path, version=0) for _ in range(3))
    first.log_metrics({"a": 1}, step=0)
    first.save()
    with pytest.warns(UserWarning, match=r"kept as metrics\.1\.csv"):
        second.log_metrics({"a": 2}, step=0)
    second.save()
    with pytest.warns(UserWarning, match=r"kept as metrics\.2\.csv"):
        third.log_metrics({"a": 3}, step=0)
    third.save()
    assert written(third) == b"a,step\r\n3,0\r\n"
    assert Path(third.log_dir, "metrics.1.csv").read_bytes() == b"a,step\r\n1,0\r\n"
    assert Path(third.log_dir, "metrics.2.csv").read_bytes() == b"a,step\r\n2,0\r\n"


def test_other_files_of_the_directory_are_left_alone(tmp_path):
    checkpoint = tmp_path / "lightning_logs" / "version_0" / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"weights")
    CSVLogger(tmp_path, version=0).log_metrics({"a": 1}, step=0)
    assert checkpoint.read_bytes() == b"weights"


def test_a_home_directory_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert CSVLogger("~/runs").save_dir == str(tmp_path / "runs")


def test_a_remote_directory_that_nobody_has_allowed_is_refused():
    with pytest.raises(RemoteError, match=r"leyden.allow_remote\('s3://bucket'\)"):
        CSVLogger("s3://bucket/runs")


def test_logs_can_lie_in_a_store():
    with store() as objects:
        L.allow_remote("s3like://bucket")
        for version in range(2):
            logger = CSVLogger("s3like://bucket/runs", flush_logs_every_n_steps=2)
            assert logger.log_dir == f"s3like://bucket/runs/lightning_logs/version_{version}"
            logger.log_hyperparams({"lr": 0.1, "api_key": "x"})
            for step in range(3):
                logger.log_metrics({"loss": step / 2}, step)
            logger.log_metrics({"acc": 1}, 3)
            logger.finalize("success")
        prefix = "bucket/runs/lightning_logs/version_1/"
        assert objects[prefix + "metrics.csv"] == b"acc,loss,step\r\n,0.0,0\r\n,0.5,1\r\n,1.0,2\r\n1,,3\r\n"
        assert objects[prefix + "hparams.yaml"] == b"lr: 0.1\napi_key: '[secret]'\n"
        with pytest.raises(SettingsError, match="holds the log of an earlier run"):
            CSVLogger("s3like://bucket/runs", version=1).log_metrics({"loss": 1}, 0)


def test_a_flush_interval_below_one_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="flush_logs_every_n_steps=0"):
        CSVLogger(tmp_path, flush_logs_every_n_steps=0)


# Privacy.


def test_directories_and_files_are_private_whatever_the_umask_is(tmp_path):
    before = os.umask(0)
    try:
        logger = CSVLogger(tmp_path / "runs")
        logger.log_hyperparams({"lr": 0.1})
        logger.log_metrics({"a": 1}, step=0)
        logger.save()
        logger.log_metrics({"a": 1}, step=1)
        logger.save()
    finally:
        os.umask(before)
    assert [mode(path) for path in (logger.save_dir, logger.root_dir, logger.log_dir)] == [0o700] * 3
    assert [mode(Path(logger.log_dir, name)) for name in ("metrics.csv", "hparams.yaml")] == [0o600] * 2


def test_a_link_planted_as_the_metrics_file_is_not_written_through(tmp_path):
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    logger = CSVLogger(tmp_path)
    logger.log_metrics({"a": 1}, step=0)
    logger.save()
    metrics = Path(logger.experiment.metrics_file_path)
    metrics.unlink()
    metrics.symlink_to(target)
    logger.log_metrics({"a": 2}, step=1)
    with pytest.raises(OSError, match=r"metrics\.csv"):
        logger.save()
    assert target.read_text() == "precious"


# Hyperparameters.


def test_hyperparameters_become_yaml_that_a_safe_loader_reads(tmp_path):
    logger = CSVLogger(tmp_path)
    logger.log_hyperparams({"lr": 0.1, "sizes": [1, 2], "deep": {"x": {"y": 1.5}}, "none": None, "flag": True})
    logger.save()
    text = Path(logger.log_dir, "hparams.yaml").read_bytes()
    assert text == b"lr: 0.1\nsizes:\n- 1\n- 2\ndeep:\n  x:\n    y: 1.5\nnone: null\nflag: true\n"


def test_a_hyperparameter_that_is_not_plain_data_is_left_out_and_named(tmp_path):
    logger = CSVLogger(tmp_path)
    with pytest.warns(UserWarning, match="layer"):
        logger.log_hyperparams({"path": Path("x/y"), "pair": (1, 2), "layer": torch.nn.ReLU()})
    assert yaml.safe_load(Path(logger.log_dir, "hparams.yaml").read_text()) == {"path": "x/y", "pair": [1, 2]}


def test_hyperparameters_add_up_and_come_as_a_namespace_too(tmp_path):
    logger = CSVLogger(tmp_path)
    logger.log_hyperparams({"a": 1, "b": 2})
    logger.save()
    logger.log_hyperparams(Namespace(b=3, c=4))
    logger.log_hyperparams(None)
    logger.finalize("success")
    assert yaml.safe_load(Path(logger.log_dir, "hparams.yaml").read_text()) == {"a": 1, "b": 3, "c": 4}


# Processes.


def test_only_the_first_process_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    logger = CSVLogger(tmp_path)
    logger.log_metrics({"a": 1}, step=0)
    logger.log_hyperparams({"lr": 1})
    logger.save()
    logger.finalize("success")
    assert isinstance(logger.experiment, DummyExperiment)
    assert list(tmp_path.iterdir()) == []


def test_a_logger_travels_to_another_process_with_the_rows_it_holds(tmp_path):
    logger = CSVLogger(tmp_path)
    logger.log_metrics({"a": 1}, step=0)
    copy = pickle.loads(pickle.dumps(logger))
    copy.save()
    assert written(copy) == b"a,step\r\n1,0\r\n"


def test_a_row_that_was_written_in_part_is_taken_back(tmp_path, monkeypatch):
    logger = CSVLogger(tmp_path)
    logger.log_metrics({"a": 1}, step=0)
    logger.save()
    logger.log_metrics({"a": 22222}, step=1)
    write = os.write

    def one_byte_then_full(descriptor: int, data: bytes) -> int:
        if len(data) < len(b"22222,1\r\n"):
            raise OSError("no space left")
        return write(descriptor, data[:1])

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "write", one_byte_then_full)
        with pytest.raises(OSError, match="no space left"):
            logger.save()
    assert written(logger) == b"a,step\r\n1,0\r\n"
    logger.save()
    assert written(logger) == b"a,step\r\n1,0\r\n22222,1\r\n"
