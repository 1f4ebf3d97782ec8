from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from tests.audit.reports import compared, full, report

from leyden.audit.finding import Severity
from leyden.audit.formats.json import document

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "audit-report.schema.json").read_text())


@pytest.mark.parametrize(
    "found",
    [
        full(),
        report(),
        compared(),
        replace(report(), since="main"),
        report(*full().findings, threshold=Severity.CRITICAL),
    ],
)
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


def test_it_says_what_is_new_mended_and_old_where_there_is_an_audit_to_compare_with():
    told = json.loads("".join(document(compared())))["comparison"]
    assert [int(name[:32], 16) for name in told["new"]] == [3, 4, 5]
    assert [int(name[:32], 16) for name in told["old"]] == [0]
    assert [(one["rule"], one["fingerprint"][:32]) for one in told["mended"]] == [("LEY901", f"{99:032x}")]
    assert [sum(point["summary"].values()) for point in told["trend"]] == [4, 2, 4]
    assert "comparison" not in json.loads("".join(document(full())))
