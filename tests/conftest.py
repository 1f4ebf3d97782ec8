"""What every test finds."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def _keys_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> object:
    """No test uses or makes the keys of whoever runs it; programs that it starts inherit the place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEYDEN_HOME", str(tmp_path_factory.mktemp("keys") / "home"))
        patch.delenv("LEYDEN_KEY", raising=False)
        patch.delenv("LEYDEN_POLICY", raising=False)
        yield
