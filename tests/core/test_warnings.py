from __future__ import annotations

import linecache
import warnings

import pytest

from leyden.core.warnings import LeydenWarning, warn


def shown(warning) -> str:
    return linecache.getline(warning.filename, warning.lineno).strip()


def compiled_as(module: str, source: str) -> dict[str, object]:
    """The names that ``source`` defines, as if they stood in ``module``."""
    names: dict[str, object] = {"__name__": module}
    exec(source, names)
    return names


def test_a_warning_shows_the_line_that_called():
    with pytest.warns(LeydenWarning, match="look here") as caught:
        warn("look here")
    assert shown(caught[0]) == 'warn("look here")'


def test_a_warning_passes_over_the_frames_of_leyden_and_torch():
    inner = compiled_as("leyden.somewhere", "def run(warn): warn('deep')\ndef outer(warn): run(warn)")

    torch_frames = compiled_as("torch.nn.modules.module", "def call(function, argument): function(argument)")
    with pytest.warns(LeydenWarning, match="deep") as caught:
        torch_frames["call"](inner["outer"], warn)
    assert shown(caught[0]) == 'torch_frames["call"](inner["outer"], warn)'


def test_a_warning_may_have_another_category():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn("old", DeprecationWarning)
    assert [warning.category for warning in caught] == [DeprecationWarning]


def test_a_warning_of_leyden_is_a_user_warning():
    assert issubclass(LeydenWarning, UserWarning)
