"""Files that are made to be costly or to be misread."""

from __future__ import annotations

import time

import pytest
from tests.audit.dependencies.looked import looked, rules

from leyden.audit.dependencies.source import LARGEST
from leyden.audit.finding import LimitError

SECONDS = 10  # what takes a second here; quadratic work would take hours


def test_a_lock_of_100_000_packages_takes_time_in_line_with_its_length():
    text = "".join(f'[[package]]\nname = "p{at}"\nversion = "1.{at}"\n' for at in range(100_000))
    text += '[[package]]\nname = "torch"\nversion = "2.5.1"\n'
    started = time.monotonic()
    assert rules(text, "uv.lock") == {"LEY404"}
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "torch" + "[" * 100_000,
        "a" * 1_000_000,
        "a==" + "1." * 500_000,
        "torch" + ">=1," * 200_000,
        "\\\n" * 200_000,
        "torch==2.5.1 " + "--hash=sha256:00 " * 100_000,
        "--" + "a" * 500_000,
        "x @ " + "git+" * 200_000,
        "(" * 100_000 + ")" * 100_000,
        "\0" * 100_000,
    ],
)
@pytest.mark.parametrize("name", ["requirements.txt", "uv.lock", "setup.cfg", "pip.conf", "pyproject.toml"])
def test_odd_text_costs_little(text, name):
    started = time.monotonic()
    looked(text, name)
    assert time.monotonic() - started < SECONDS


def test_a_file_of_any_length_is_refused_and_not_read():
    with pytest.raises(LimitError):
        looked(b"#" * (LARGEST + 1))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[project\n"),
        ("Pipfile", "[packages]\ntorch = \n"),
        ("Pipfile.lock", '{"default": '),
        ("environment.yml", "dependencies:\n  - [\n"),
        ("conda-lock.yml", "package: {"),
        ("uv.lock", "[metadata]\nnothing"),
        ("requirements.txt", "<<<<<<< HEAD\ntorch==2.13.0\n"),
        ("pyproject.toml", '[project]\ndependencies = ["torch is nice"]\n'),
        ("environment.yml", "dependencies:\n  - '{{ name }}'\n"),
    ],
)
def test_what_cannot_be_understood_is_said_and_makes_the_audit_end_with_2(name, text):
    assert any(found.rule == "LEY401" and found.blind for found in looked(text, name))


@pytest.mark.parametrize("name", ["uv.lock", "requirements.txt", "pyproject.toml", "setup.py", "environment.yml"])
def test_an_empty_file_declares_nothing(name):
    assert rules("\n", name) == set()
    assert rules("", name) == set()


def test_control_characters_in_a_name_are_no_name():
    assert rules("to\x1b[31mrch==1\n") == {"LEY401"}


def test_a_version_that_is_none_is_no_error():
    assert rules("torch==not.a.version --hash=sha256:00") <= {"LEY401", "LEY407"}


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_line_ends_where_pip_ends_it(end):
    """Else a comment would hide what pip installs."""
    assert "LEY402" in rules(f"numpy==2.3.0  # fine{end}lightning==2.6.3\n")
