from __future__ import annotations

import sys
from datetime import date

import pytest

from leyden.audit.finding import Severity
from leyden.audit.settings import Settings, load, parse
from leyden.errors import SettingsError

RULES = ("LEY001", "LEY901")
WHOLE = b"""
[tool.leyden.audit]
severity = "high"
exclude = ["data/*"]
baseline = "accepted.json"

[[tool.leyden.audit.suppress]]
rule = "ley901"
path = "models/*.pt"
reason = "ours"
until = 2027-01-31

[[tool.leyden.audit.suppress]]
rule = "LEY001"
path = "x"
until = "2027-02-01"
"""


def test_a_directory_without_a_file_has_the_defaults(tmp_path):
    assert load(tmp_path, RULES) == Settings()
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'")
    assert load(tmp_path, RULES) == Settings()


def test_all_keys_are_read(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes(WHOLE)
    settings = load(tmp_path, RULES)
    assert (settings.severity, settings.exclude, settings.baseline) == (Severity.HIGH, ("data/*",), "accepted.json")
    first, second = settings.suppress
    assert (first.rule, first.path, first.reason, first.until) == ("LEY901", "models/*.pt", "ours", date(2027, 1, 31))
    assert (second.reason, second.until) == ("", date(2027, 2, 1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tool.leyden = 3", "is not a table"),
        ("[tool.leyden.audit]\nseverty = 'low'", "'severty', which means nothing. Did you mean severity"),
        ("[tool.leyden.audit]\nzzz = 1", "It knows severity, exclude"),
        ("[tool.leyden.audit]\nseverity = 'bad'", "severity is 'bad'. Choose one of: info, low"),
        ("[tool.leyden.audit]\nseverity = 3", "severity is not text"),
        ("[tool.leyden.audit]\nexclude = 'x'", "exclude is not a list of text"),
        ("[tool.leyden.audit]\nexclude = [1]", "exclude is not a list of text"),
        ("[tool.leyden.audit]\nsuppress = 3", "suppress is not a list of tables"),
        ("[tool.leyden.audit]\nsuppress = [3]", "table 1 is not a table"),
        ("[[tool.leyden.audit.suppress]]\nrule = 'LEY999'", "'LEY999', which is no rule"),
        ("[[tool.leyden.audit.suppress]]\nrule = 'LEY901'", "has no path"),
        ("[[tool.leyden.audit.suppress]]\nrule = 'LEY901'\npath = 'x'\nuntil = 'soon'", "until is not a date"),
        ("[[tool.leyden.audit.suppress]]\nrule = 'LEY901'\npath = 'x'\nuntil = 3", "until is not a date"),
        ("[[tool.leyden.audit.suppress]]\nwhen = 3", "'when', which means nothing"),
        ("leyden = [[[", "is not TOML"),
        ("leyden = '\udcff'", "is not TOML"),
        ("leyden = " + "[" * 50_000, "is not TOML"),
    ],
)
def test_what_cannot_be_is_an_error_that_names_it(text, says):
    with pytest.raises(SettingsError, match="p.toml") as error:
        parse(text.encode("utf-8", "surrogateescape"), "p.toml", RULES)
    assert says in str(error.value)


def test_a_date_with_a_time_is_its_day():
    text = b"[[tool.leyden.audit.suppress]]\nrule = 'LEY901'\npath = 'x'\nuntil = 2027-01-31T10:00:00"
    assert parse(text, "p", RULES).suppress[0].until == date(2027, 1, 31)


def test_a_file_without_end_is_not_read(tmp_path):
    with (tmp_path / "pyproject.toml").open("wb") as stream:
        stream.truncate(5 << 20)
    with pytest.raises(SettingsError, match="--no-config"):
        load(tmp_path, RULES)


def test_python_without_a_toml_reader_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tomllib", None)
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(SettingsError, match="Install the package tomli, use Python 3.11"):
        parse(WHOLE, "p", RULES)
    assert parse(b"[project]", "p", RULES) == Settings()
