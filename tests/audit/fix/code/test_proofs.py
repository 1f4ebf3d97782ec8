"""--fix changes code alone only where it can be shown that nothing which works is different afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.audit.fix.code.editing import NEW, mended, proven
from tests.audit.reports import report

from leyden.audit.environment.places import named
from leyden.audit.finding import Accepted, Place
from leyden.audit.fix.code.facts import FORCED, Facts, facts_of, installed_in
from leyden.audit.rules.code_loads import TORCH_FORCED, TORCH_REPLACED

LOAD = "import torch\ntorch.load(path)"
LIGHTNING = "import lightning as L\nclass M(L.LightningModule): ...\nM.load_from_checkpoint('a.ckpt')"
YAML = "import yaml\nyaml.load(stream)"
PROVEN = [
    LOAD,
    "import torch\ntorch.load(path, weights_only=None)",
    LIGHTNING,
    YAML,
    "import requests\nrequests.get('http://huggingface.co/a/b')",
    "import urllib.request\nurllib.request.urlretrieve(f'http://zenodo.org/{name}', 'a')",
    "import shutil\nshutil.unpack_archive('a.tar')",
]
NOT = [
    "import torch\ntorch.load(path, weights_only=False)",
    "import torch\nread = torch.load if a else other.load\nread(path)",
    "import lightning as L\nclass M(L.LightningModule): ...\nM.load_from_checkpoint(path)",
    "import torch\nif a:\n    import other as torch\ntorch.load(path)",
    "import torch\ndef f(torch):\n    return torch.load(path)",
    "import lightning as L\nclass M(a.Mixin, L.LightningModule): ...\nM.load_from_checkpoint('a.ckpt')",
    "import lightning as L\nclass M(L.LightningModule):\n def load_from_checkpoint(): ...\nM.load_from_checkpoint(p)",
    "Other.load_from_checkpoint('a.ckpt')",
    "import yaml\ntry:\n    yaml.load(stream)\nexcept TypeError: ...",
    "import yaml\nyaml.load(stream, Loader=yaml.FullLoader)",
    "import requests\nrequests.get('http://a.org/b')",
    "import requests\nrequests.get('http://huggingface.co.a.org/b')",
    "import requests\nrequests.get('http://huggingface.co:8080/b')",
]


@pytest.mark.parametrize("text", PROVEN)
def test_an_edit_that_changes_nothing_that_works_is_proven(text):
    assert proven(text)


@pytest.mark.parametrize("text", NOT)
def test_an_edit_that_may_change_something_is_for_a_person(text):
    _, changes = mended(text)
    assert not any(change.proven for change in changes)


OLD = {"torch": "2.5.1", "lightning": "2.5.6", "pyyaml": "5.4", "python": "3.13"}


@pytest.mark.parametrize("text", [LOAD, LIGHTNING, YAML, PROVEN[-1]])
@pytest.mark.parametrize(
    "facts", [Facts(), Facts(here=OLD), Facts(here={"torch": "odd"}), Facts(oldest=OLD, here=NEW.here)]
)
def test_without_the_versions_that_it_takes_nothing_is_proven(text, facts):
    assert not proven(text, facts)


@pytest.mark.parametrize("rule", [TORCH_FORCED, TORCH_REPLACED])
def test_a_project_that_changes_what_torch_load_does_is_left_even_if_that_is_accepted(rule):
    finding = replace(rule.at(Place("other.py"), "So."), accepted=Accepted("inline", "tests"))
    facts = replace(facts_of(report(finding), {}, None, {}), here=NEW.here)
    assert not proven(LOAD, facts)
    assert not proven(LIGHTNING, facts)
    assert proven(YAML, facts)


@pytest.mark.parametrize(("value", "holds"), [("1", False), ("True", False), ("0", True), ("", True)])
def test_an_environment_that_forces_torch_load_is_a_fact(value, holds):
    assert proven(LOAD, replace(facts_of(report(), {}, None, {FORCED: value}), here=NEW.here)) is holds


def test_both_names_of_lightning_have_to_be_new_enough():
    assert not proven(LIGHTNING, Facts(here={**NEW.here, "pytorch-lightning": "1.9"}))


def test_a_finding_that_is_not_asked_for_is_left():
    program, _ = mended(LOAD)
    assert list(program.mended([])) == []


def test_the_environment_says_what_the_project_runs_with(tmp_path):
    packages = tmp_path / "lib" / "python3.14" / "site-packages"
    for name in ("torch-2.9.0", "PyYAML-6.0.3", "pytorch_lightning-2.6.6", "other-1.0"):
        (packages / f"{name}.dist-info").mkdir(parents=True)
    assert installed_in(named(tmp_path)) == {
        "torch": "2.9.0", "pyyaml": "6.0.3", "pytorch-lightning": "2.6.6", "python": "3.14",
    }  # fmt: skip
