"""Loggers with Fabric's arguments."""

from __future__ import annotations

import pytest

from leyden.compat.fabric_loggers import CSVLogger, TensorBoardLogger


@pytest.mark.parametrize("kind", [CSVLogger, TensorBoardLogger])
def test_they_log_below_their_root(tmp_path, kind):
    logger = kind(root_dir=tmp_path, name="mine", version=3)
    logger.log_metrics({"loss": 0.5}, step=1)
    logger.save()
    logger.finalize("success")
    assert logger.log_dir == str(tmp_path / "mine" / "version_3")
    assert list((tmp_path / "mine" / "version_3").iterdir())


def test_the_root_of_a_tensorboard_logger_is_the_directory_that_was_given():
    logger = TensorBoardLogger("~/runs", name="mine", version="first", sub_dir="sub")
    assert logger.root_dir == "~/runs"
    assert logger.log_dir.endswith("/runs/mine/first/sub")
    assert not logger.log_dir.startswith("~")
