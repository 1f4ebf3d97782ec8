from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from tests.audit.reports import full, report

from leyden.audit.finding import Severity
from leyden.audit.formats.json import document

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "audit-report.schema.json").read_text())


@pytest.mark.parametrize("found", [full(), report(), report(*full().findings, threshold=Severity.CRITICAL)])
def test_the_report_is_as_its_schema_says(found):
    text = "".join(document(found))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(text), SCHEMA, jsonschema.Draft202012Validator)


def test_the_schema_allows_nothing_else():
    members = json.loads("".join(document(full()))) | {"more": 1}
    with pytest.raises(jsonschema.ValidationError, match="more"):
        jsonschema.validate(members, SCHEMA, jsonschema.Draft202012Validator)


def test_every_string_is_text_for_any_reader_and_nothing_for_a_terminal():
    text = "".join(document(full()))
    assert text.isascii()
    assert all(line.isprintable() for line in text.splitlines())
    assert json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")  # no lone surrogates


def test_it_says_whether_the_audit_is_whole():
    members = json.loads("".join(document(full())))
    assert (members["exit_code"], members["complete"]) == (2, False)
    assert members["summary"] == {"high": 2, "medium": 1, "low": 1}
    assert len(members["findings"]) == 6
    clean = json.loads("".join(document(report())))
    assert (clean["exit_code"], clean["complete"], clean["findings"]) == (0, True, [])
