"""What the versions of a project's packages change about the findings in its code."""

from __future__ import annotations

import pytest
from tests.audit.code.programs import found

from leyden.audit.code.versions import Versions

TORCH = "import torch\ntorch.load(path)"
LIGHTNING = "import lightning as L\nclass M(L.LightningModule): ...\nM.load_from_checkpoint(path)"
FIT = "import lightning as L\nL.Trainer().fit(model, ckpt_path=path)"
YAML = "import yaml\nyaml.load(stream)"
FULL = "import yaml\nyaml.load(stream, Loader=yaml.FullLoader)"
REMOTE = "import datasets\ndatasets.load_dataset(name, trust_remote_code=True)"
ARGPARSE = "import lightning as L\nL.pytorch.Trainer.from_argparse_args(a)"
HPARAMS = "from lightning.pytorch.core.saving import load_hparams_from_yaml\nload_hparams_from_yaml(path)"


@pytest.mark.parametrize(
    ("text", "versions", "expected"),
    [
        (TORCH, {}, "LEY202 LOW"),
        (TORCH, {"torch": "2.5.1"}, "LEY202 HIGH"),
        (TORCH, {"torch": "2.6.0rc1"}, "LEY202 HIGH"),
        (TORCH, {"torch": "2.6.0+cpu"}, "LEY202 INFO"),
        (TORCH, {"torch": "2.13.0"}, "LEY202 INFO"),
        (TORCH, {"torch": "newest"}, "LEY202 LOW"),
        ("import torch\nstates = map(torch.load, paths)", {"torch": "2.5"}, "LEY202 HIGH"),
        ("import torch\nstates = map(torch.load, paths)", {"torch": "2.6"}, "LEY202 INFO"),
        ("import torch\ntorch.load(path, weights_only=None)", {"torch": "2.6"}, "LEY202 INFO"),
        ("import torch\ntorch.load(path, weights_only=False)", {"torch": "2.13"}, "LEY201 HIGH"),
        ("import os\nos.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] = '1'", {"torch": "2.13"}, "LEY203 HIGH"),
        (LIGHTNING, {}, "LEY223 LOW"),
        (LIGHTNING, {"torch": "2.6"}, "LEY223 LOW"),
        (LIGHTNING, {"torch": "2.5"}, "LEY223 HIGH"),
        (LIGHTNING, {"lightning": "2.6.6"}, "LEY223 LOW"),
        (LIGHTNING, {"lightning": "2.6.6", "torch": "2.5"}, "LEY223 HIGH"),
        (LIGHTNING, {"lightning": "2.6.6", "torch": "2.6"}, "LEY223 INFO"),
        (LIGHTNING, {"lightning": "2.6.1", "torch": "2.6"}, "LEY223 LOW"),
        (LIGHTNING, {"lightning": "2.5.6", "torch": "2.13"}, "LEY223 HIGH"),
        (LIGHTNING, {"pytorch_lightning": "2.4", "torch": "2.13"}, "LEY223 HIGH"),
        (LIGHTNING, {"lightning": "2.3.3", "torch": "2.13"}, "LEY223 LOW"),
        (LIGHTNING.replace("(path", "(path, weights_only=True"), {"lightning": "2.6", "torch": "2.5"}, ""),
        (FIT, {}, ""),
        (FIT, {"lightning": "2.6.6", "torch": "2.6"}, ""),
        (FIT, {"lightning": "2.5", "torch": "2.13"}, "LEY223 HIGH"),
        (FIT, {"torch": "2.5"}, "LEY223 HIGH"),
        (FIT.replace("path)", "path, weights_only=True)"), {"torch": "2.5"}, ""),
        (FIT.replace("=path", "='last'"), {"torch": "2.5"}, ""),
        (FIT.replace(", ckpt_path=path", ""), {"torch": "2.5"}, ""),
        (YAML, {}, "LEY208 MEDIUM"),
        (YAML, {"pyyaml": "3.13"}, "LEY208 HIGH"),
        (YAML, {"pyyaml": "5.3.1"}, "LEY208 HIGH"),
        (YAML, {"pyyaml": "5.4.1"}, "LEY208 LOW"),
        (YAML, {"pyyaml": "6.0"}, "LEY208 INFO"),
        (FULL, {}, "LEY208 MEDIUM"),
        (FULL, {"pyyaml": "5.3.1"}, "LEY208 HIGH"),
        (FULL, {"pyyaml": "6.0.2"}, "LEY208 LOW"),
        ("import yaml\nyaml.load(stream, Loader=yaml.Loader)", {"pyyaml": "6.0.2"}, "LEY208 HIGH"),
        ("import numpy\nnumpy.load(path)", {}, ""),
        ("import numpy\nnumpy.load(path)", {"numpy": "1.16.2"}, "LEY206 MEDIUM"),
        ("import numpy\nnumpy.load(path)", {"numpy": "1.16.3"}, ""),
        ("import numpy\nnumpy.load(path, allow_pickle=False)", {"numpy": "1.16.2"}, ""),
        (REMOTE, {}, "LEY210 HIGH"),
        (REMOTE, {"datasets": "3.6"}, "LEY210 HIGH"),
        (REMOTE, {"datasets": "4.0.0"}, ""),
        (REMOTE.replace("datasets", "transformers"), {"datasets": "4.0.0"}, "LEY210 HIGH"),
        (ARGPARSE, {}, "LEY226 LOW"),
        (ARGPARSE, {"lightning": "1.5.10"}, "LEY226 HIGH"),
        (ARGPARSE, {"lightning": "1.6"}, ""),
        (HPARAMS, {}, "LEY228 LOW"),
        (HPARAMS, {"pytorch_lightning": "1.5"}, "LEY228 HIGH"),
        (HPARAMS, {"lightning": "2.6.6"}, ""),
    ],
)
def test_a_default_is_judged_by_the_oldest_version_that_the_project_may_have(text, versions, expected):
    told = [f"{finding.rule} {finding.severity.name}" for finding in found(text, **versions)]
    assert told == ([expected] if expected else [])


def test_a_finding_says_which_version_makes_it_one():
    (finding,) = found(TORCH, torch="2.4.1")
    assert "torch 2.4.1" in finding.message


@pytest.mark.parametrize("keyword", ["", ", weights_only=None", ", weights_only=False"])
def test_what_lightning_downloads_is_unpickled_in_every_version(keyword):
    told = found(LIGHTNING.replace("path", f"'https://host/a.ckpt'{keyword}"), lightning="2.6.6", torch="2.13")
    assert ("LEY221", "HIGH") in [(finding.rule, finding.severity.name) for finding in told]


def test_the_older_of_lightnings_two_names_counts():
    both = Versions({"lightning": "2.6.6", "pytorch-lightning": "2.5"})
    assert both.lightning_before("2.6") is True
    assert Versions().lightning_before("2.6") is None
