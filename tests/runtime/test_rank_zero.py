from __future__ import annotations

import linecache
import logging
import warnings

import pytest

from leyden.core.warnings import LeydenDeprecationWarning
from leyden.errors import SettingsError
from leyden.runtime.rank_zero import (
    WarningCache,
    rank_prefixed_message,
    rank_zero_debug,
    rank_zero_deprecation,
    rank_zero_info,
    rank_zero_only,
    rank_zero_warn,
)

VARIABLES = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")


def shown(warning) -> str:
    return linecache.getline(warning.filename, warning.lineno).strip()


@pytest.fixture(autouse=True)
def no_rank(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    del rank_zero_only.rank
    yield
    del rank_zero_only.rank


def test_a_process_without_a_launcher_has_rank_zero():
    assert rank_zero_only.rank == 0


@pytest.mark.parametrize("first", range(len(VARIABLES)))
def test_the_rank_comes_from_the_first_variable_that_a_launcher_set(monkeypatch, first):
    for number, name in enumerate(VARIABLES[first:], start=first):
        monkeypatch.setenv(name, str(number + 5))
    assert rank_zero_only.rank == first + 5


@pytest.mark.parametrize("text", ["one", "-1", "1.0", "²"])
def test_a_rank_that_is_no_number_is_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("LOCAL_RANK", text)
    with pytest.raises(SettingsError, match="LOCAL_RANK"):
        _ = rank_zero_only.rank


def test_a_rank_that_was_set_counts_more_than_the_launchers(monkeypatch):
    monkeypatch.setenv("RANK", "3")
    rank_zero_only.rank = 1
    assert rank_zero_only.rank == 1
    del rank_zero_only.rank
    assert rank_zero_only.rank == 3


def test_a_decorated_function_runs_on_rank_zero_alone():
    @rank_zero_only
    def add(left, right=2):
        """Sum."""
        return left + right

    assert add(1) == 3
    assert (add.__name__, add.__doc__) == ("add", "Sum.")
    rank_zero_only.rank = 1
    assert add(1) is None


def test_other_ranks_get_the_default():
    rank_zero_only.rank = 2
    assert rank_zero_only(lambda: 3, default=7)() == 7


def test_a_warning_shows_the_line_that_called_it():
    with pytest.warns(UserWarning, match="hello") as caught:
        rank_zero_warn("hello")
    assert shown(caught[0]) == 'rank_zero_warn("hello")'


def test_a_warning_can_show_the_callers_line():
    def helper():
        rank_zero_warn("hello", stacklevel=5, category=RuntimeWarning)

    with pytest.warns(RuntimeWarning, match="hello") as caught:
        helper()
    assert shown(caught[0]) == "helper()"


def test_other_ranks_neither_warn_nor_log(caplog):
    rank_zero_only.rank = 1
    with warnings.catch_warnings(), caplog.at_level(logging.DEBUG, logger="leyden"):
        warnings.simplefilter("error")
        rank_zero_warn("hello")
        rank_zero_info("hello")
        rank_zero_debug("hello")
    assert caplog.records == []


def test_messages_go_to_the_logger_of_leyden_with_the_callers_line(caplog):
    with caplog.at_level(logging.DEBUG, logger="leyden"):
        rank_zero_info("to %s", "all")
        rank_zero_debug("to few")
    told = [(record.name, record.levelname, record.getMessage(), record.filename) for record in caplog.records]
    assert told == [
        ("leyden", "INFO", "to all", "test_rank_zero.py"),
        ("leyden", "DEBUG", "to few", "test_rank_zero.py"),
    ]


def test_a_deprecation_shows_the_line_that_called_it():
    with pytest.warns(LeydenDeprecationWarning, match="old") as caught:
        rank_zero_deprecation("old")
    assert shown(caught[0]) == 'rank_zero_deprecation("old")'


def test_each_message_of_a_cache_is_said_once_with_the_callers_line(caplog):
    cache = WarningCache()
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.INFO, logger="leyden"):
        warnings.simplefilter("always")
        for _ in range(2):
            cache.warn("careful")
            cache.deprecation("old")
            cache.info("news")
    assert [shown(warning) for warning in caught] == ['cache.warn("careful")', 'cache.deprecation("old")']
    assert [record.getMessage() for record in caplog.records] == ["news"]
    assert cache == {"careful", "old", "news"}


def test_a_message_names_the_rank_it_comes_from():
    assert rank_prefixed_message("hello", 2) == "[rank: 2] hello"
    assert rank_prefixed_message("hello", None) == "hello"
