from __future__ import annotations

import json

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.audit.reports import full, report

from leyden.audit.finding import Artifact, Place
from leyden.audit.formats.cyclonedx import document


def bom(found):
    return json.loads("".join(document(found)))


def test_the_bom_is_as_the_standard_says():
    for found in (full(), report()):
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str("".join(document(found))) is None


def test_a_wrong_bom_would_be_noticed():
    wrong = bom(full()) | {"bomFormat": "Other"}
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(wrong)) is not None


def test_a_model_has_its_digest_its_facts_and_what_was_found():
    model = bom(full())["components"][0]
    assert (model["type"], model["name"]) == ("machine-learning-model", "models/a#b?.pt!archive/data.pkl")
    facts = {one["name"]: one["value"] for one in model["modelCard"]["properties"]}
    assert facts["leyden:format"] == "torch-zip"
    assert (facts["leyden:tensors"], facts["leyden:parameters"], facts["leyden:dtypes"]) == ("2", "12", "F32 I64")
    assert model["licenses"] == [{"license": {"name": "MIT"}}]
    assert model["modelCard"]["considerations"]["technicalLimitations"] == ["LEY901: It says BAD."]


def test_arrays_are_data_and_archives_are_not_listed():
    found = report(artifacts=tuple(Artifact(Place(f"/work tree/{kind}"), kind, 1) for kind in ("npy", "zip", "onnx")))
    kinds = [(one["name"], one["type"], "modelCard" in one) for one in bom(found)["components"]]
    assert kinds == [("npy", "data", False), ("onnx", "machine-learning-model", True)]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str("".join(document(found))) is None


def test_findings_about_models_are_vulnerabilities_of_them():
    members = bom(full())
    references = {component["bom-ref"] for component in members["components"]}
    assert [one["id"] for one in members["vulnerabilities"]] == ["LEY901", "LEY901"]
    assert {one["affects"][0]["ref"] for one in members["vulnerabilities"]} == references
    assert members["vulnerabilities"][0]["cwes"] == [502]


def test_the_same_report_gives_the_same_bom_and_another_one_another():
    assert bom(full()) == bom(full())
    assert bom(full())["serialNumber"] != bom(report())["serialNumber"]
