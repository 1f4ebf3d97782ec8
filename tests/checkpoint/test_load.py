from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from enum import Enum
from pathlib import Path

import pytest
import safetensors.torch
import torch
from tests.checkpoint.same import same

from leyden.checkpoint.content import content
from leyden.checkpoint.enums import ENUMS, register_enum
from leyden.checkpoint.load import load, load_weights, verify
from leyden.checkpoint.save import save
from leyden.errors import DigestError, EncodeError, FormatError, TrustError

TREE = {
    "epoch": 1,
    "state_dict": {"w": torch.arange(1000.0), "flag": torch.tensor([True, False])},
    "k": {1: (b"x" * 2000,)},
}


@pytest.fixture
def path(tmp_path):
    save(TREE, tmp_path / "best.ckpt")
    return tmp_path / "best.ckpt"


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("mapped", [True, False])
def test_tensors_may_be_written_to_and_outlive_the_file(path, mapped):
    weights = load(path, mapped=mapped)["state_dict"]["w"]
    before = path.read_bytes()
    weights += 1
    assert path.read_bytes() == before
    path.unlink()
    assert torch.equal(weights, torch.arange(1000.0) + 1)


def test_a_file_that_is_replaced_while_it_is_used_keeps_its_values(path):
    weights = load(path)["state_dict"]["w"]
    save({"w": torch.zeros(1000)}, path)
    assert torch.equal(weights, torch.arange(1000.0))


def test_a_checkpoint_is_read_from_a_stream_and_from_a_name(path):
    assert same(load(io.BytesIO(path.read_bytes())), TREE)
    assert same(load(str(path)), TREE)
    with path.open("rb") as stream:
        assert same(load(stream), TREE)


@pytest.mark.parametrize(
    "location",
    ["cpu", torch.device("cpu"), {"cuda:0": "cpu"}, lambda storage, place: storage, lambda storage, place: None],
)
def test_every_way_of_torch_to_say_where_tensors_go_is_understood(path, location):
    assert same(load(path, map_location=location), TREE)


@pytest.mark.parametrize(
    "location", ["meta", torch.device("meta"), {"cpu": "meta"}, lambda s, _: torch.empty(0, device="meta")]
)
def test_tensors_go_where_the_caller_says_and_plain_bytes_do_not(path, location):
    tree = load(path, map_location=location)
    assert tree["state_dict"]["w"].device.type == "meta"
    assert tree["k"] == TREE["k"]


def test_tied_tensors_stay_tied_on_another_device(tmp_path):
    weight = torch.ones(3)
    save({"a": weight, "b": weight}, tmp_path / "x")
    tree = load(tmp_path / "x", map_location="meta")
    assert tree["a"] is tree["b"]


def test_a_changed_tensor_is_named_and_never_returned(path):
    flip(path, -2500)  # among the floats, which come before the bytes and flags
    with pytest.raises(DigestError, match=r"best\.ckpt: tensor 'state_dict\.w'"):
        load(path)
    with pytest.raises(DigestError, match=r"'state_dict\.w'"):
        verify(path)
    with pytest.raises(DigestError, match=r"'state_dict\.w'"):
        load(io.BytesIO(path.read_bytes()))
    assert load(path, verify=False)["epoch"] == 1


def test_a_changed_header_is_found_even_without_verifying(path):
    flip(path, 700)
    with pytest.raises(DigestError, match="header is not what was saved"):
        load(path, verify=False)


def test_a_report_says_what_was_verified(path):
    report = verify(path)
    assert (report.tensors, report.bytes) == (3, path.stat().st_size)
    assert len(report.digest) == 64


def test_a_file_cut_anywhere_is_refused(path):
    data = path.read_bytes()
    for length in [0, 1, 7, 8, 9, *range(10, len(data), 211), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(FormatError, match=r"best\.ckpt"):
            load(path)


def test_a_missing_file_is_an_ordinary_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such checkpoint; check the path: .*missing.ckpt"):
        load(tmp_path / "missing.ckpt")


def test_a_directory_and_a_pipe_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(FormatError, match="is not a file"):
            load(place)


class Evil:
    ran = False

    def __reduce__(self):
        return setattr, (Evil, "ran", True)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_read_as_data_and_what_it_would_run_is_refused(tmp_path, caplog, zipped):
    path = tmp_path / "lightning.ckpt"
    tree = {"state_dict": {"w": torch.ones(1)}, "pytorch-lightning_version": "2.6.6"}
    torch.save(tree, path, _use_new_zipfile_serialization=zipped)
    with caplog.at_level("INFO", "leyden"):
        assert same(load(path), tree)
    assert caplog.messages == [
        f"{path} is a pickled file of Lightning 2.6.6. It was interpreted as data: nothing in it was run."
    ]
    torch.save(tree | {"x": Evil()}, path, _use_new_zipfile_serialization=zipped)
    for reader in (load, load_weights):
        with pytest.raises(TrustError, match=r"x names builtins\.setattr .* Nothing was run here"):
            reader(path)
    with pytest.raises(FormatError, match="(zip archive|is a pickle).*nothing was unpickled.*way out.*leyden convert"):
        verify(path)
    with pytest.raises(FormatError, match="is a pickle, and not one of torch"):
        load(io.BytesIO(pickle.dumps(Evil())))
    assert not Evil.ran


def test_weights_of_torch_are_read_by_name_and_a_list_is_no_checkpoint(tmp_path):
    weights = {"w": torch.ones(2), "b": torch.zeros(1)}
    torch.save(weights, tmp_path / "w.pt")
    assert same(load_weights(tmp_path / "w.pt"), weights)
    torch.save({"state_dict": weights}, tmp_path / "c.ckpt")
    with pytest.raises(FormatError, match="is a checkpoint: it holds 'state_dict', which is no tensor"):
        load_weights(tmp_path / "c.ckpt")
    torch.save([torch.ones(1)], tmp_path / "l.pt")
    with pytest.raises(FormatError, match="holds a list and is no checkpoint"):
        load(tmp_path / "l.pt")


def test_a_file_of_another_program_is_read_as_weights(tmp_path):
    path = tmp_path / "model.safetensors"
    tensors = {
        "a": torch.arange(3),
        "b": torch.ones(2, dtype=torch.bfloat16),
        "c": torch.tensor(True),
        "d": torch.empty(0),
    }
    safetensors.torch.save_file(tensors, path, {"format": "pt"})
    assert same(dict(sorted(load_weights(path).items())), tensors)
    with pytest.raises(FormatError, match="tensors alone .* load_weights"):
        load(path)
    with pytest.raises(FormatError, match="not written by Leyden"):
        verify(path)


def test_tensors_of_another_program_that_are_not_aligned_are_read(tmp_path):
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' + b" "
    assert (8 + len(header)) % 4
    path = tmp_path / "x"
    path.write_bytes(len(header).to_bytes(8, "little") + header + torch.tensor([2.5]).numpy().tobytes())
    [value] = load_weights(path).values()
    assert value.tolist() == [2.5]
    assert value.data_ptr() % 4 == 0


@pytest.fixture
def colour():
    kind = Enum("Colour", "RED BLUE", module="program")
    yield kind
    ENUMS.pop("program.Colour", None)


def test_members_of_a_registered_enum_come_back(tmp_path, colour):
    assert register_enum(colour) is colour
    save({"c": [colour.BLUE]}, tmp_path / "x")
    assert load(tmp_path / "x") == {"c": [colour.BLUE]}


def test_members_of_other_enums_are_errors_that_say_how_to_register(tmp_path, colour):
    with pytest.raises(EncodeError, match=r"^c is a member of the enum program\.Colour.*register_enum\(Colour\)"):
        save({"c": colour.RED}, tmp_path / "x")
    register_enum(colour)
    save({"c": colour.RED}, tmp_path / "x")
    ENUMS.clear()
    with pytest.raises(FormatError, match=r"c is a member of the enum 'program\.Colour', which is not registered"):
        load(tmp_path / "x")


def test_a_hostile_file_costs_bounded_memory(tmp_path):
    """In a process of its own that may take no more than half a gigabyte."""
    code = """
import mmap, resource, sys
from leyden.errors import FormatError
from leyden.wire.envelope import read
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 29), -1))
for name in sys.argv[1:]:
    try:
        with open(name, "rb") as file:
            read(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)), name)
    except FormatError as error:
        print(error)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc")
    giant = b'{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}' % (2**50, 2**50)
    nested, values = b"[" * 20_000_000, b'{"a":[' + b"1," * 10_000_000 + b"1]}"
    hostile = {"giant": b'{"a":' + giant + b"}", "nested": b"{" + nested, "values": values, "length": b"{}"}
    for name, header in hostile.items():
        length = 99_000_000 if name == "length" else len(header)
        (tmp_path / name).write_bytes(length.to_bytes(8, "little") + header)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", code, *(str(tmp_path / name) for name in hostile)]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    refusals = ["cut short: its tensors end", "not one JSON object", "values, the limit", "cut short: its header"]
    for line, refusal in zip(output.splitlines(), refusals, strict=True):
        assert refusal in line


@pytest.mark.parametrize("mode", [0o602, 0o620, 0o666])
def test_what_others_may_write_to_is_not_the_file_itself_once_it_is_verified(tmp_path, mode):
    path = tmp_path / "a.ckpt"
    save({"w": torch.arange(300_000.0)}, path)
    path.chmod(mode)
    tree = load(path, mapped=True)
    with path.open("r+b") as file:  # in place, as a copy over it does
        file.write(bytes(path.stat().st_size))
    assert torch.equal(tree["w"], torch.arange(300_000.0))


def test_what_its_owner_alone_may_write_to_is_mapped(tmp_path):
    save({"w": torch.arange(300_000.0)}, tmp_path / "a.ckpt")
    data, _ = content(tmp_path / "a.ckpt", mapped=True)
    with (tmp_path / "a.ckpt").open("r+b") as file:
        file.write(b"changed")
    assert bytes(data[:7]) == b"changed"
