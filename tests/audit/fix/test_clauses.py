from __future__ import annotations

import pytest

from leyden.audit.fix.clauses import raised, raised_conda, raised_poetry


@pytest.mark.parametrize(
    ("before", "fixed", "after"),
    [
        ("==2.6.2", "2.6.6", "==2.6.6"),
        ("== 2.6.2", "2.6.6", "== 2.6.6"),
        ("===2.6.2", "2.6.6", "===2.6.6"),
        (">=2.0,<2.7", "2.6.6", ">=2.6.6,<2.7"),
        ("<2.7, >= 2.0", "2.6.6", "<2.7, >= 2.6.6"),
        (">2.0", "2.6.6", ">=2.6.6"),
        ("<2.7", "2.6.6", ">=2.6.6,<2.7"),
        ("", "2.6.6", ">=2.6.6"),
        ("!=2.6.2", "2.6.6", ">=2.6.6,!=2.6.2"),
        ("~=2.6.2", "2.6.6", "~=2.6.6"),
        ("~=2.4", "2.11.0", "~=2.11"),
        ("~=2.4", "2.6.6", None),
        ("==2.6.*", "2.11.0", "==2.11.*"),
        ("==2.5.1+cu121", "2.11.0", None),
        ("==2.5.1rc1", "2.11.0", None),
    ],
)
def test_a_range_keeps_its_style(before, fixed, after):
    assert raised(before, fixed) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("^2.1", "^2.6.6"),
        ("~2.1", "~2.6.6"),
        ("2.1.0", "2.6.6"),
        (">=2.0,<3", ">=2.6.6,<3"),
        ("^1 || ^2", None),
        ("*", None),
    ],
)
def test_poetrys_signs_stay(before, after):
    assert raised_poetry(before, "2.6.6") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("=2.5.1", "=2.11.0"),
        ("=2.5", "=2.11"),
        ("==2.5.1", "==2.11.0"),
        (">=2.5", ">=2.11.0"),
        (">=2.5,<3", ">=2.11.0,<3"),
        ("=2.5.1=cuda_118", None),
    ],
)
def test_condas_signs_stay(before, after):
    assert raised_conda(before, "2.11.0") == after
