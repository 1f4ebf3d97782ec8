from __future__ import annotations

import os
from collections import OrderedDict

import pytest
import torch

from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.cli.main import main


class Thing:
    pass


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
    assert "Nothing was run here" in convert(capsys, tmp_path / "old.pt", tmp_path / "new", code=2).err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["there", "link"])
def test_nothing_is_written_over(capsys, tmp_path, name):
    torch.save({"w": torch.ones(2)}, tmp_path / "old.pt")
    (tmp_path / "there").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert "is there already" in convert(capsys, tmp_path / "old.pt", tmp_path / name, code=2).err
    assert (tmp_path / "there").read_text() == "mine"


def test_objects_come_back_from_a_file_that_was_converted_and_sealed(capsys, tmp_path):
    torch.save({"w": torch.ones(2), "x": Thing()}, tmp_path / "old.pt")
    told = convert(capsys, tmp_path / "old.pt", tmp_path / "new", code=2).err
    name = f"{Thing.__module__}.Thing"
    assert f"leyden convert OLD NEW --allow-class {name}." in told
    convert(capsys, tmp_path / "old.pt", tmp_path / "new", "--allow-class", name, "--seal")
    assert type(load(tmp_path / "new")["x"]) is Thing


def test_conversion_is_the_way_out_of_a_policy_that_refuses_pickled_files(capsys, tmp_path, monkeypatch):
    torch.save({"w": torch.ones(2)}, tmp_path / "old.pt")
    monkeypatch.setenv("LEYDEN_POLICY", "strict")
    convert(capsys, tmp_path / "old.pt", tmp_path / "new", "--seal")
    assert load(tmp_path / "new")["w"].tolist() == [1, 1]


def test_a_checkpoint_of_leyden_is_written_for_torch_and_is_clean(capsys, tmp_path):
    save({"state_dict": {"w": torch.ones(2)}, "hyper_parameters": {"lr": 0.1}}, tmp_path / "mine.ckpt")
    before = (tmp_path / "mine.ckpt").read_bytes()
    told = convert(capsys, "--to", "lightning", tmp_path / "mine.ckpt", tmp_path / "theirs.ckpt").out
    assert told == f"{tmp_path / 'theirs.ckpt'}: 1 tensors, from {tmp_path / 'mine.ckpt'}.\n"
    found = torch.load(tmp_path / "theirs.ckpt", weights_only=True)
    assert (found["hyper_parameters"], found["state_dict"]["w"].tolist()) == ({"lr": 0.1}, [1, 1])
    assert main(["audit", str(tmp_path / "theirs.ckpt")]) == 0
    assert (tmp_path / "mine.ckpt").read_bytes() == before
    assert (tmp_path / "theirs.ckpt").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_for_torch_leaves_no_file(capsys, tmp_path):
    save({"w": torch.ones(2), "folder": tmp_path}, tmp_path / "mine.ckpt")
    told = convert(capsys, "--to", "lightning", tmp_path / "mine.ckpt", tmp_path / "theirs.ckpt", code=2).err
    assert "folder (pathlib" in told
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.ckpt"]
    convert(capsys, "--to", "lightning", "--leave-out", "folder", tmp_path / "mine.ckpt", tmp_path / "theirs.ckpt")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mine"], "say --to lightning; else check the path"),
        (["--to", "lightning", "theirs"], "is a pickled file already"),
        (["--to", "lightning", "--seal", "mine"], "--seal and --allow-class are for files of Leyden's"),
        (["--leave-out", "a", "theirs"], "--leave-out is for files that others read"),
        (["folder"], "is a directory, as sharded checkpoints are"),
    ],
)
def test_what_makes_no_sense_is_an_error_that_says_so(capsys, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    save({"w": torch.ones(2)}, "mine")
    torch.save({"w": torch.ones(2)}, "theirs")
    (tmp_path / "folder").mkdir()
    assert says in convert(capsys, *arguments, "new", code=2).err


def test_a_missing_file_is_named(capsys, tmp_path):
    assert "There is nothing at" in convert(capsys, tmp_path / "old.pt", tmp_path / "new", code=2).err
