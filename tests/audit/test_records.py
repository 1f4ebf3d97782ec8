from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.audit.marks import BAD

from leyden.audit.finding import Accepted, Artifact, Place
from leyden.audit.records import from_json, to_json

PLACE = Place("a\udcff\n\x1b", ("m\u202e",), line=3, column=4, last_line=5)
FULL = replace(
    BAD.at(PLACE, "Found.", snippet="x\ny", key="k", mend="m"), fingerprint="f:1", accepted=Accepted("inline", "why")
)


@pytest.mark.parametrize(
    "record",
    [
        FULL,
        BAD.at(Place("a").at_byte(0), ""),
        Artifact(Place("a"), "safetensors", 0),
        Artifact(PLACE, "torch-zip", 9, "pytorch", 0, 0, ("F32", "I64"), {"k": "v"}, "ab"),
    ],
)
def test_a_record_survives_json(record):
    text = json.dumps(to_json(record))
    assert text.isascii()
    assert from_json(json.loads(text)) == record
