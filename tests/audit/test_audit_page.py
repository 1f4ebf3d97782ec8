"""What docs/audit.md says about the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leyden.audit.explain import table
from leyden.audit.rules.every import RULES
from leyden.audit.settings import parse
from leyden.audit.walk import LEFT_OUT
from leyden.cli.audit import FORMATS, SEVERITIES
from leyden.cli.main import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")


def test_the_table_of_rules_is_the_rules():
    """To write it anew: python -c 'from leyden.audit import explain, sources; print(explain.table(sources.RULES))'."""
    assert PAGE.endswith(table(RULES))


def test_the_settings_on_the_page_can_be_read():
    block = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    settings = parse(block[1].encode(), "docs/audit.md", tuple(RULES))
    assert settings.baseline == "audit-baseline.json"
    assert len(settings.suppress) == 1


@pytest.mark.parametrize("name", [*FORMATS, *SEVERITIES, *LEFT_OUT])
def test_every_choice_is_on_the_page(name):
    assert f"`{name}`" in PAGE


def test_every_option_on_the_page_exists(capsys):
    with pytest.raises(SystemExit):
        main(["audit", "--help"])
    shown = capsys.readouterr().out
    options = set(re.findall(r"leyden audit[^`\n]*?(--[a-z-]+)", PAGE)) | set(re.findall(r"`(--[a-z-]+)", PAGE))
    assert len(options) > 8
    assert {option for option in options if option not in shown} == set()


def test_every_rule_on_the_page_exists():
    text = PAGE.partition("## Rules")[0]
    assert {name for name in re.findall(r"LEY\d{3}", text) if name not in RULES} <= {"LEY201"}
