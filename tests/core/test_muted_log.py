from __future__ import annotations

import warnings

import pytest

from leyden.core.muted_log import MutedLog
from leyden.core.warnings import LeydenWarning


def test_it_takes_anything_and_says_once_that_it_keeps_nothing():
    log = MutedLog()
    with pytest.warns(LeydenWarning, match=r"self.log_dict\(\) does nothing"):
        log.log_dict({"a": 1}, prog_bar=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log.log("a", object(), True)
