from __future__ import annotations

import hashlib
import json
from datetime import date

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.audit.reports import full, report

from leyden.audit.finding import Artifact, Place
from leyden.audit.formats.cyclonedx import document
from leyden.audit.look import Job, look
from leyden.audit.sources import SOURCES


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


def test_the_types_of_tensors_come_from_the_file_itself(tmp_path):
    header = (
        b'{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}'
    )
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    records = look(Job(str(path), path.name, False, True), SOURCES, date(2026, 11, 22))
    (model,) = bom(report(artifacts=tuple(record for record in records if isinstance(record, Artifact))))["components"]
    facts = {one["name"]: one["value"] for one in model["modelCard"]["properties"]}
    assert (facts["leyden:dtypes"], facts["leyden:parameters"]) == ("BF16 F32", "3")
    assert model["hashes"][0]["content"] == hashlib.sha256(path.read_bytes()).hexdigest()


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
