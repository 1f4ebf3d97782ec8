from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from tests.audit.marks import BAD
from tests.audit.reports import compared, full, report

from leyden.audit.finding import Place
from leyden.audit.formats.sarif import document

SCHEMA = json.loads(Path(__file__).with_name("sarif.schema.json").read_text())


def run(found):
    return json.loads("".join(document(found)))["runs"][0]


@pytest.mark.parametrize("found", [full(), report(), compared()])
def test_the_log_is_as_its_schema_says(found):
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.validate(
        json.loads("".join(document(found))), SCHEMA, jsonschema.Draft202012Validator, format_checker=checker
    )


def test_each_result_names_its_rule_by_id_and_index():
    log = run(full())
    rules = log["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in log["results"]] == [r["ruleId"] for r in log["results"]]
    assert rules[-2]["id"] == "LEY901"
    assert rules[-2]["properties"]["security-severity"] == "8.0"
    assert "external/cwe/cwe-502" in rules[-2]["properties"]["tags"]
    assert "Say `good`." in rules[-2]["help"]["markdown"]


def test_files_beneath_the_root_are_relative_and_others_are_not():
    places = [one["locations"][0]["physicalLocation"]["artifactLocation"] for one in run(full())["results"]]
    assert places[0] == {"uri": "models/a%23b%3F.pt", "uriBaseId": "%SRCROOT%"}
    assert places[2] == {"uri": "file:///elsewhere/c.py"}
    assert run(full())["originalUriBaseIds"] == {"%SRCROOT%": {"uri": "file:///work%20tree/"}}


def test_a_byte_of_a_name_that_is_no_text_is_that_byte():
    (result,) = run(report(BAD.at(Place("/work tree/\udcff:x"), "")))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "%FF%3Ax"


def test_lines_of_a_member_are_not_taken_for_lines_of_the_file():
    results = run(full())["results"]
    assert "region" not in results[3]["locations"][0]["physicalLocation"]
    assert results[0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "archive/data.pkl"
    assert results[4]["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}


def test_accepted_findings_are_there_and_suppressed():
    kinds = [[one["kind"] for one in result["suppressions"]] for result in run(full())["results"]]
    assert kinds == [[], ["inSource"], ["external"], [], [], []]


def test_suppressions_are_on_every_result_or_on_none():
    """SARIF 2.1.0, section 3.27.23: a result without them, beside one with them, would have an unknown state."""
    (result,) = run(report(BAD.at(Place("a"), "")))["results"]
    assert "suppressions" not in result


def test_fingerprints_are_told():
    assert [one["partialFingerprints"]["leyden/v1"] for one in run(full())["results"]] == [
        f"{number:032x}:1" for number in range(6)
    ]


def test_what_a_file_says_makes_no_link():
    (result,) = run(report(BAD.at(Place("a"), "It names [me](https://evil.example).")))["results"]
    assert result["message"]["text"] == "It names \\[me\\](https://evil.example)."


def test_an_audit_that_is_not_whole_was_not_successful():
    assert run(full())["invocations"][0]["executionSuccessful"] is False
    assert run(report())["invocations"][0]["executionSuccessful"] is True


def test_every_result_says_whether_it_is_new_or_none_does():
    states = [result["baselineState"] for result in run(compared())["results"]]
    assert states == ["unchanged", "unchanged", "new", "new", "new", "new"]
    assert not any("baselineState" in result for result in run(full())["results"])


def test_what_is_mended_is_no_result_since_code_scanning_would_take_it_for_one():
    assert len(run(compared())["results"]) == len(run(full())["results"])
