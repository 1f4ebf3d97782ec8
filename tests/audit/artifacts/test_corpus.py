"""Files of every known technique, and harmless ones beside them: none is missed, and none is called bad."""

import pytest
from benchmarks.audit import harmless, hostile
from benchmarks.audit.making import Sample
from benchmarks.audit.rates import findings, written

# The rule that says what each file of a technique does, where it is the same for all of them.
SAID = {
    "a listed callable": {"LEY101"},
    "a callable nobody listed": {"LEY101", "LEY102"},
    "a dotted attribute": {"LEY101", "LEY102"},
    "Python 2 names": {"LEY101", "LEY102", "LEY109"},
    "no call at all": {"LEY104"},
    "extension codes": {"LEY105"},
    "computed names": {"LEY105"},
    "broken after its payload": {"LEY106"},
    "something after the pickle": {"LEY108"},
    "suffix against content": {"LEY130"},
    "Keras": {"LEY150"},
    "ONNX": {"LEY122"},
    "Lightning hyperparameters": {"LEY143"},
    "TorchScript and native code": {"LEY141", "LEY142"},
    "storages": {"LEY109", "LEY144"},
    "whole objects": {"LEY103"},
    "safetensors": {"LEY131"},
}


def made(technique, kinds, bad):
    return [Sample(technique, f"{n}/{name}", content, bad) for n, (name, content) in enumerate(kinds[technique]())]


@pytest.mark.parametrize("technique", hostile.TECHNIQUES)
def test_every_hostile_file_is_found_for_what_it_does(technique, tmp_path):
    for sample, path in written(made(technique, hostile.TECHNIQUES, True), tmp_path):
        rules = {finding.rule for finding in findings(path)}
        assert rules & SAID.get(technique, rules), f"{sample.name} has {rules}"
        assert "LEY004" not in rules, sample.name


@pytest.mark.parametrize("kind", harmless.KINDS)
def test_no_harmless_file_is_called_bad(kind, tmp_path):
    for sample, path in written(made(kind, harmless.KINDS, False), tmp_path):
        assert not findings(path), sample.name
