"""Where an installer is sent."""

from __future__ import annotations

import pytest
from tests.audit.dependencies.looked import looked, rules

from leyden.audit.finding import Severity


def severities(text: str, rule: str, name: str = "requirements.txt") -> list[Severity]:
    return [found.severity for found in looked(text, name) if found.rule == rule]


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("--extra-index-url https://packages.example.org/simple\nours", Severity.MEDIUM),
        ("--extra-index-url=https://user:pass@packages.example.org/simple\nours==1", Severity.MEDIUM),
        ("--extra-index-url https://download.pytorch.org/whl/cu124\ntorch>=2.11", Severity.LOW),
    ],
)
def test_a_second_index_counts_by_who_may_publish_there(text, severity):
    assert severities(text, "LEY408") == [severity]


@pytest.mark.parametrize(
    "text",
    [
        "--extra-index-url https://download.pytorch.org/whl/cu124\ntorch==2.11.0+cu124",
        "--extra-index-url https://packages.example.org/simple\nours==1 --hash=sha256:00",
        "--require-hashes\n--extra-index-url https://packages.example.org/simple\nours==1",
    ],
)
def test_a_second_index_does_no_harm_where_it_is_fixed_what_is_taken(text):
    assert severities(text, "LEY408") == []


def test_the_configuration_of_pip_is_looked_at():
    text = "[global]\nextra-index-url = https://packages.example.org/simple\ntrusted-host =\n    packages.example.org\n"
    assert severities(text, "LEY408", "pip.conf") == [Severity.MEDIUM]
    assert severities(text, "LEY410", "pip.conf") == [Severity.MEDIUM]


def test_uv_takes_a_name_from_one_index_unless_it_is_told_otherwise():
    index = '[[tool.uv.index]]\nname = "x"\nurl = "https://packages.example.org/simple"\n'
    assert rules(index, "pyproject.toml") == set()
    assert severities('[tool.uv]\nindex-strategy = "unsafe-best-match"\n' + index, "LEY408", "pyproject.toml")


@pytest.mark.parametrize("name", ["poetry", "pdm", "uv"])
def test_a_source_without_https_is_found(name):
    table = "index" if name == "uv" else "source"
    text = f'[[tool.{name}.{table}]]\nname = "x"\nurl = "http://packages.example.org/simple"\n'
    assert severities(text, "LEY410", "pyproject.toml") == [Severity.HIGH]


@pytest.mark.parametrize(
    ("url", "severity"),
    [
        ("git+https://github.com/o/t", Severity.LOW),
        ("git+https://github.com/o/t.git@main", Severity.LOW),
        ("git+ssh://git@github.com/o/t.git@v1.2.3", Severity.INFO),
        ("https://example.org/t.whl", Severity.LOW),
        ("http://example.org/t.whl", Severity.HIGH),
    ],
)
def test_a_reference_that_may_change(url, severity):
    assert severities(f"t @ {url}", "LEY412") == [severity]


def test_sources_of_uv_and_poetry_are_references_too():
    uv = '[tool.uv.sources]\nt = {git = "https://github.com/o/t", branch = "main"}\n'
    poetry = '[tool.poetry.dependencies]\nt = {git = "https://github.com/o/t", rev = "0123456789abcdef"}\n'
    assert severities(uv, "LEY412", "pyproject.toml") == [Severity.LOW]
    assert severities(poetry, "LEY412", "pyproject.toml") == []


@pytest.mark.parametrize("line", ["-r ../../x.txt", "-c https://x.org/c.txt", "/opt/x.whl", "x @ file:///opt/x.whl"])
def test_what_leads_out_is_a_note(line):
    assert severities(line, "LEY413") == [Severity.INFO]


@pytest.mark.parametrize("line", ["-r ../x.txt", "-c c.txt", "./x.whl", "-e .[dev]", "parts/one"])
def test_what_stays_is_none(line):
    assert rules(line) <= {"LEY406"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("tranformers", True),
        ("Torch_Vision", True),
        ("torchvison", True),
        ("pytorch", True),
        ("numpyro", False),
        ("python-dateutil", False),
        ("tqmd", False),  # too short: every short word is near to another
        ("lightening", True),
        ("pytorch-lightning", False),
        ("pytorch_lightening", True),
        ("x" * 500, False),
    ],
)
def test_a_name_that_is_a_slip_away_from_a_known_one(name, found):
    assert ("LEY411" in rules(f"{name}==1.0")) is found
