from __future__ import annotations

import os
from collections import OrderedDict

import pytest
import torch

from leyden.checkpoint.load import load
from leyden.cli.main import main


class Bad:
    def __reduce__(self):
        return os.system, ("true",)


def convert(capsys, *arguments, code=0):
    assert main(["convert", *map(str, arguments)]) == code
    return capsys.readouterr()


def test_a_checkpoint_of_torch_is_written_anew_and_equal(capsys, tmp_path):
    tree = {
        "epoch": 3,
        "state_dict": OrderedDict(w=torch.arange(6.0).reshape(2, 3), t=torch.arange(6.0).reshape(2, 3).T),
        "hyper_parameters": {"lr": 0.1, "sizes": (1, 2)},
    }
    torch.save(tree, tmp_path / "old.ckpt")
    told = convert(capsys, tmp_path / "old.ckpt", tmp_path / "new.ckpt").out
    assert told == f"{tmp_path / 'new.ckpt'}: 2 tensors, from {tmp_path / 'old.ckpt'}.\n"
    found = load(tmp_path / "new.ckpt")
    assert (found["epoch"], found["hyper_parameters"]) == (3, tree["hyper_parameters"])
    assert all(torch.equal(found["state_dict"][name], tensor) for name, tensor in tree["state_dict"].items())


def test_what_is_converted_is_sealed_only_where_that_is_said(capsys, tmp_path):
    torch.save({"w": torch.ones(2)}, tmp_path / "old.pt")
    convert(capsys, tmp_path / "old.pt", tmp_path / "a")
    convert(capsys, tmp_path / "old.pt", tmp_path / "b", "--seal")
    assert main(["verify", "--policy", "strict", str(tmp_path / "a")]) == 2
    assert main(["verify", "--policy", "strict", str(tmp_path / "b")]) == 0


def test_a_file_that_does_more_than_describe_data_is_left_as_it_is(capsys, tmp_path):
    torch.save({"w": torch.ones(2), "x": Bad()}, tmp_path / "old.pt")
    assert "is left as it is: " in convert(capsys, tmp_path / "old.pt", tmp_path / "new", code=2).err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["there", "link"])
def test_nothing_is_written_over(capsys, tmp_path, name):
    torch.save({"w": torch.ones(2)}, tmp_path / "old.pt")
    (tmp_path / "there").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert "is there already" in convert(capsys, tmp_path / "old.pt", tmp_path / name, code=2).err
    assert (tmp_path / "there").read_text() == "mine"


def test_a_missing_file_is_named(capsys, tmp_path):
    assert "There is nothing at" in convert(capsys, tmp_path / "old.pt", tmp_path / "new", code=2).err
