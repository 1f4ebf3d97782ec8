from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def usual_permissions() -> Iterator[None]:
    """New files may be written by their owner alone, whatever the developer's own setting is."""
    before = os.umask(0o022)
    yield
    os.umask(before)
