from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from leyden.checkpoint.save import save, save_weights
from leyden.cli.main import main
from leyden.security import keys

TREE = {
    "epoch": 3,
    "global_step": 1200,
    "state_dict": {"net.weight": torch.zeros(4, 3), "net.bias": torch.zeros(4, dtype=torch.bfloat16)},
    "hyper_parameters": {
        "lr": 0.1,
        "sizes": (1, 2),
        "api_key": "abc",
        "out": Path("x"),
        "inf": float("inf"),
        7: "\x1b[31m",
    },
    "callbacks": {},
}


def shown(capsys, *arguments, code=0):
    assert main(["inspect", *map(str, arguments)]) == code
    return capsys.readouterr()


@pytest.fixture
def file(tmp_path):
    save(TREE, tmp_path / "a.ckpt")
    return tmp_path / "a.ckpt"


def test_a_checkpoint_is_shown_with_its_seal_and_hyperparameters(capsys, file):
    text = shown(capsys, file).out
    assert f"{file}: leyden, " in text.splitlines()[0]
    for line in (
        f"  sealed by   {keys.text_of(keys.identity().public)} (own)",
        "  global_step 1200",
        "    lr = 0.1",
        "    sizes = [1, 2]",
        "    state_dict.net.weight  F32 [4, 3]  48 bytes",
        "    state_dict.net.bias  BF16 [4]  8 bytes",
        "  also holds  state_dict, callbacks",
    ):
        assert line in text.splitlines()


def test_secrets_and_what_terminals_obey_are_not_shown(capsys, file):
    text = shown(capsys, file).out
    assert "api_key = [secret]" in text
    assert "\x1b" not in text
    assert r"7 = \x1b[31m" in text


def test_programs_get_json(capsys, file):
    found = json.loads(shown(capsys, file, "--json").out)
    assert found["tree"]["hyper_parameters"]["sizes"] == [1, 2]
    assert found["tree"]["state_dict"]["net.weight"] == "F32 [4, 3]"
    assert found["tensors"]["state_dict.net.bias"] == {"dtype": "BF16", "shape": [4], "bytes": 8}
    assert found["standing"] == "own"


def test_many_tensors_are_cut_short_unless_all_are_wanted(capsys, tmp_path):
    save_weights({f"w{i}": torch.zeros(1) for i in range(50)}, tmp_path / "w.safetensors")
    assert "and 10 more: --tensors shows them" in shown(capsys, tmp_path / "w.safetensors").out
    assert shown(capsys, tmp_path / "w.safetensors", "--tensors").out.count(" bytes") == 51


def test_a_safetensors_file_of_another_program_is_shown(capsys, tmp_path):
    header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    (tmp_path / "file").write_bytes(len(header).to_bytes(8, "little") + header + b"x")
    text = shown(capsys, tmp_path / "file").out
    assert "safetensors" in text
    assert "sealed" not in text


@pytest.mark.parametrize("content", [b"", b"\x80\x02}.", b"PK\x03\x04" + bytes(100)])
def test_what_is_neither_is_refused(capsys, tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    assert "FormatError" in shown(capsys, tmp_path / "file", code=2).err


def test_what_the_policy_keeps_programs_from_reading_is_shown_and_says_so(capsys, file, monkeypatch, tmp_path):
    monkeypatch.setenv("LEYDEN_POLICY", "strict")
    assert "programs do not read it" not in shown(capsys, file).out
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "other"))
    told = shown(capsys, file).out
    assert "policy      programs do not read it" in told
    assert "(rule 'strangers')" in told


class Thing:
    pass


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "older"])
def test_a_file_of_torch_is_shown_with_what_nothing_is_made_of(capsys, tmp_path, legacy):
    tree = TREE | {"pytorch-lightning_version": "2.6.6", "extra": [Thing()]}
    torch.save(tree, tmp_path / "a.ckpt", _use_new_zipfile_serialization=not legacy)
    text = shown(capsys, tmp_path / "a.ckpt").out
    assert f"a.ckpt: torch-{'legacy' if legacy else 'zip'}, " in text.splitlines()[0]
    for line in (
        "  global_step 1200",
        "  pytorch-lightning_version 2.6.6",
        "    lr = 0.1",
        "    sizes = [1, 2]",
        "    api_key = [secret]",
        "    state_dict.net.weight  float32 [4, 3]  48 bytes",
        "    state_dict.net.bias  bfloat16 [4]  8 bytes",
        f"    {Thing.__module__}.Thing at extra.0",
    ):
        assert line in text.splitlines()
    found = json.loads(shown(capsys, tmp_path / "a.ckpt", "--json").out)
    assert found["objects"] == {f"{Thing.__module__}.Thing": "extra.0"}
    assert found["tree"]["state_dict"]["net.weight"] == "float32 [4, 3]"


def test_a_lone_tensor_and_values_of_every_kind_are_shown(capsys, tmp_path):
    torch.save(torch.ones(2), tmp_path / "a.pt")
    assert "  float32 [2]  8 bytes" in shown(capsys, tmp_path / "a.pt").out
    kinds = [torch.float16, torch.Size([1]), torch.nn.Parameter(torch.ones(1)), torch.ones(1, device="meta")]
    torch.save({"hyper_parameters": {"kinds": kinds, "set": {1}}}, tmp_path / "b.pt")
    assert "    kinds = ['dtype(float16)', [1], 'float32 [1]', 'float32 [1]']" in shown(capsys, tmp_path / "b.pt").out
