from __future__ import annotations

import json

import pytest
import torch

import leyden as L
from leyden.checkpoint.export import export
from leyden.checkpoint.save import save
from leyden.cli.main import main


@pytest.fixture
def checkpoint(tmp_path):
    weights = {f"net.{number}": torch.ones(2) for number in range(30)} | {"head.bias": torch.ones(1)}
    save({"state_dict": weights, "hyper_parameters": {"lr": 0.1, "data": "/data/x"}}, tmp_path / "a.ckpt")
    return tmp_path / "a.ckpt"


def leyden(capsys, *arguments, code=0):
    assert main([str(argument) for argument in arguments]) == code
    return capsys.readouterr()


def test_a_model_is_exported_and_whoever_gets_it_can_check_it(capsys, checkpoint, tmp_path):
    out = tmp_path / "out"
    told = leyden(capsys, "export", checkpoint, out, "--hparam", "lr", "--prefix", "net.").out
    assert f"{out / 'model.safetensors'}: 30 tensors." in told
    assert f"{out / 'config.json'}: lr." in told
    assert json.loads((out / "config.json").read_text()) == {"lr": 0.1}
    (tmp_path / "public.pem").write_text(told[told.index("-----BEGIN") :])
    signature = ("--signature", out / "model.sig", "--key", tmp_path / "public.pem")
    assert "2 files are what was signed as 'out'" in leyden(capsys, "verify", out, *signature).out
    leyden(capsys, "verify", out / "model.safetensors")
    leyden(capsys, "audit", out)


def test_what_is_left_out_is_told(capsys, checkpoint, tmp_path):
    told = leyden(capsys, "export", checkpoint, tmp_path / "out", "--prefix", "net.").out
    assert "left out: head.bias, which has another prefix" in told
    assert "config.json: no hyperparameters." in told
    weights = {f"w{number}": torch.ones(1) for number in range(30)}
    save({"state_dict": {**weights, "net.a": torch.ones(1)}}, checkpoint)
    told = leyden(capsys, "export", checkpoint, tmp_path / "other", "--prefix", "net.").out
    assert "  and 10 more\n" in told


def test_what_is_private_ends_with_2_and_leaves_nothing(capsys, checkpoint, tmp_path):
    told = leyden(capsys, "export", checkpoint, tmp_path / "out", "--hparam", "data", code=2)
    assert "PublicationError: The hyperparameter data holds the path '/data/x'" in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


def test_the_function_has_a_public_name():
    assert L.export is export
