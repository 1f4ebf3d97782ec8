"""What every test finds."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def _keys_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> object:
    """No test uses or makes the keys of whoever runs it; programs that it starts inherit the place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEYDEN_HOME", str(tmp_path_factory.mktemp("keys") / "home"))
        patch.delenv("LEYDEN_KEY", raising=False)
        patch.delenv("LEYDEN_POLICY", raising=False)
        yield


@pytest.fixture(autouse=True)
def _no_seed_of_another_test() -> object:
    """``seed_everything`` leaves the seed in the environment, where runs for several processes find it."""
    yield
    for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS"):
        os.environ.pop(name, None)
