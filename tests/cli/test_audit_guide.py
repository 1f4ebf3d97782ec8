"""A project with the usual faults, and somebody who does what the guide says until there is nothing left."""

from __future__ import annotations

import ast
import os
import pickle
import re

import pytest

from leyden.cli.main import main

TRAIN = '''\
"""Train a small classifier."""
import pickle
import subprocess

import numpy as np
import pytorch_lightning as pl
import requests
import torch
import yaml
from torch import nn

API_KEY = "c8Kq2vX9rT4mZ7bN1wLp"  # for the tracker

with open("base.yaml") as f:
    cfg = yaml.load(f, Loader=yaml.FullLoader)


class Net(pl.LightningModule):
    def __init__(self, lr=1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Linear(4, 2)


def fetch():
    data = requests.get(
        "http://huggingface.co/datasets/iris/resolve/main/iris.npz",  # the small one
        timeout=30,
        verify=False,
    )
    return np.load("iris.npz", allow_pickle=True), data


def main():
    state = torch.load("base.pt", map_location="cpu")
    extra = torch.load("extra.pt", weights_only=False)  # from a colleague
    model = Net.load_from_checkpoint("last.ckpt")
    labels = pickle.load(open("labels.pkl", "rb"))
    subprocess.run(f"ls {cfg['out']}", shell=True)
    torch.save(model, "final.pt")
    return state, extra, labels
'''
BY_HAND = {  # what the guide says in words: a secret, a pickle, a shell
    'API_KEY = "c8Kq2vX9rT4mZ7bN1wLp"': 'API_KEY = os.environ["TRACKER_API_KEY"]',
    "import pickle\n": "import json\nimport os\n",
    'labels = pickle.load(open("labels.pkl", "rb"))': 'labels = json.load(open("labels.json"))',
    "subprocess.run(f\"ls {cfg['out']}\", shell=True)": 'subprocess.run(["ls", cfg["out"]], check=True)',
}


class Payload:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "base.yaml").write_text("out: runs\n")
    (tmp_path / "extra.pt").write_bytes(pickle.dumps(Payload()))
    (tmp_path / "base.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    (tmp_path / "base.safetensors").chmod(0o666)
    return tmp_path


def guide(capsys) -> str:
    main(["audit", ".", "--format", "guide"])
    return capsys.readouterr().out


def applied(text: str, diff: str) -> str:
    """``text`` after the hunks of one diff."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE)[1:]:
        lines = hunk.splitlines()
        before, after = ("\n".join(line[1:] for line in lines if line[:1] in (" ", mark)) for mark in "-+")
        assert text.count(before) == 1
        text = text.replace(before, after)
    return text


def test_who_follows_the_guide_ends_with_nothing_found(project, capsys):
    program = project / "train.py"
    first = guide(capsys)
    assert "leyden audit --fix --no-convert\n" in first
    assert "c8Kq2vX9rT4mZ7bN1wLp" not in first
    assert main(["audit", ".", "--fix", "--no-convert", "--yes"]) == 1
    told = capsys.readouterr().err
    assert "2 files mended." in told
    assert "What to do about the rest: leyden audit --format guide" in told

    second = guide(capsys)
    assert "--fix" not in second
    # Each diff is of the program as it is now, so the guide is made again after each.
    for _ in range(second.count("```diff")):
        diff = re.search(r"```diff\n(.*?)```", guide(capsys), re.DOTALL)
        secret = 'API_KEY = "[secret]"', 'API_KEY = "c8Kq2vX9rT4mZ7bN1wLp"'
        program.write_text(applied(program.read_text(), diff[1].replace(*secret)))
    assert "```diff" not in guide(capsys)

    assert "Delete the file" in guide(capsys)
    (project / "extra.pt").unlink()
    text = program.read_text()
    for before, after in BY_HAND.items():
        assert before in text
        text = text.replace(before, after)
    program.write_text(text)

    assert main(["audit", "."]) == 0
    assert "It found nothing that has to be done." in guide(capsys)
    assert {"# for the tracker", "# the small one", "# from a colleague"} <= set(re.findall(r"# .*", text))
    ast.parse(text)
