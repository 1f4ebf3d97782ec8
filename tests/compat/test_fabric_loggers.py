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
