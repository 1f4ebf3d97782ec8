from __future__ import annotations

import io
import pathlib
import zipfile
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest
import torch
from torch import nn

from leyden.audit.finding import Budget, Limits
from leyden.audit.fix import convert
from leyden.audit.fix.apply import do_conversion
from leyden.audit.fix.steps import Convert
from leyden.checkpoint.load import load
from leyden.errors import DigestError, EncodeError, FormatError
from leyden.security.paths import replacing

DTYPES = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.uint16,
    torch.float8_e4m3fn,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.complex64,
    torch.complex128,
]


def converted(path, tree, legacy=False):
    """The tree after torch wrote it, --fix converted it and Leyden read it."""
    torch.save(tree, path, _use_new_zipfile_serialization=not legacy)
    do_conversion(Convert(str(path), 0), Limits(), replacing)
    return load(path)


def same(left, right) -> bool:
    if isinstance(left, torch.Tensor):
        return (
            type(left) is type(right)
            and left.dtype == right.dtype
            and left.shape == right.shape
            and bool(torch.equal(left.detach(), right.detach()))
        )
    if isinstance(left, dict):
        return type(left) is type(right) and list(left) == list(right) and all(same(left[k], right[k]) for k in left)
    if isinstance(left, (list, tuple, deque)):
        return type(left) is type(right) and len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "make",
    [
        lambda base: base,
        lambda base: base.t(),
        lambda base: base[1:, 2],
        lambda base: base[::2, ::3],
        lambda base: base[:, None].expand(4, 2, 6),
        lambda base: base[0, 0],
        lambda base: base[:0],
        lambda base: base.reshape(2, 2, 6).permute(2, 0, 1),
    ],
    ids=["plain", "transposed", "column", "steps", "expanded", "scalar", "empty", "permuted"],
)
def test_tensors_keep_every_bit_whatever_their_layout(tmp_path, dtype, make):
    base = (torch.arange(24) % 2 if dtype is torch.bool else torch.arange(24)).reshape(4, 6).to(dtype)
    tree = {"a": make(base)}
    found = converted(tmp_path / "m.pt", tree)["a"]
    assert (found.dtype, found.shape) == (tree["a"].dtype, tree["a"].shape)
    assert torch.equal(
        found.view(torch.uint8) if found.dim() else found,
        make(base).contiguous().view(torch.uint8) if found.dim() else make(base),
    )


@pytest.mark.parametrize("legacy", [False, True])
def test_a_training_checkpoint_is_the_same_afterwards(tmp_path, legacy):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    moments = {"step": torch.tensor(1.0), "exp_avg": torch.rand(8, 4), "exp_avg_sq": torch.rand(8, 4)}
    optimizer = {"state": {0: moments}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0, 1]}]}
    tree = {
        "epoch": 3,
        "global_step": 2**60,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": net.state_dict(),
        "optimizer_states": [optimizer],
        "lr_schedulers": [],
        "hyper_parameters": {"lr": 1e-3, "sizes": (1, 2), "name": "ü\udcff", "nothing": None, "much": float("inf")},
        "hparams_name": "kwargs",
        "bytes": b"bytes",
        "numbers": {1: "one", 2: 3j},
        "set": {1, 2},
        "frozen": frozenset("ab"),
        "counter": Counter("aab"),
        "default": defaultdict(list, {"k": [1]}),
        "deque": deque([1, 2], 5),
        "path": pathlib.PurePosixPath("a/b"),
        "size": torch.Size([2, 3]),
        "dtype": torch.bfloat16,
        "device": torch.device("cpu"),
        "parameter": nn.Parameter(torch.ones(2)),
        "long": "x" * 5_000_000,
    }
    found = converted(tmp_path / "m.ckpt", tree, legacy)
    assert found.pop("leyden")["state"]["step"] == tree["global_step"]  # so that a run can go on from it
    path = found.pop("path")
    assert str(path) == str(tree.pop("path"))
    assert same(tree, found)
    assert found["state_dict"]._metadata == tree["state_dict"]._metadata
    assert found["parameter"].requires_grad


@pytest.mark.parametrize("legacy", [False, True])
def test_tied_weights_stay_tied(tmp_path, legacy):
    shared = torch.ones(3)
    found = converted(tmp_path / "m.pt", {"a": shared, "b": shared, "c": shared.view(3, 1)}, legacy)
    assert found["a"].data_ptr() == found["b"].data_ptr() == found["c"].data_ptr()
    assert found["c"].shape == (3, 1)


def test_a_large_view_of_a_small_tensor_is_not_written_out(tmp_path):
    torch.save({"a": torch.ones(1).expand(1 << 30)}, tmp_path / "m.pt")
    with (
        pytest.raises(EncodeError, match="repeats its storage"),
        convert.converted(str(tmp_path / "m.pt"), Budget()),
    ):
        pass


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({"a": nn.Linear(1, 1)}, "the audit has something to say"),
        ([torch.ones(1)], "its root is a list"),
        ({"a": 1}, "it holds no tensor"),
        ({1: torch.ones(1)}, "keys that are no text"),
        ({"net": {"draw": np.random.RandomState(0)}, "t": torch.ones(1)}, "net.draw is a"),
        ({"a": torch.ones(2, 2).to_sparse()}, "a is a"),
    ],
)
def test_what_is_not_known_to_be_data_alone_is_left_as_it_is(tmp_path, tree, says):
    path = tmp_path / "m.pt"
    torch.save(tree, path)
    before = path.read_bytes()
    with pytest.raises(EncodeError, match=says):
        do_conversion(Convert(str(path), 0), Limits(), replacing)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.pt"]


def test_the_original_stays_beside_and_the_new_file_is_no_wider_open(tmp_path):
    path = tmp_path / "m.pt"
    torch.save({"a": torch.ones(2)}, path)
    path.chmod(0o664)
    before, inode = path.read_bytes(), path.stat().st_ino
    do_conversion(Convert(str(path), 1), Limits(), replacing)
    kept = tmp_path / "m.pt.orig"
    assert (kept.read_bytes(), kept.stat().st_ino) == (before, inode)
    assert path.stat().st_mode & 0o777 == 0o644
    assert not zipfile.is_zipfile(path)


def test_a_file_that_was_kept_before_is_never_written_over(tmp_path):
    path = tmp_path / "m.pt"
    torch.save({"a": torch.ones(2)}, path)
    (tmp_path / "m.pt.orig").write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        do_conversion(Convert(str(path), 1), Limits(), replacing)
    assert (tmp_path / "m.pt.orig").read_bytes() == b"precious"
    assert zipfile.is_zipfile(path)


def test_a_failure_while_writing_leaves_everything_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "m.pt"
    torch.save({"a": torch.ones(2)}, path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(convert.envelope, "write", full)
    with pytest.raises(OSError, match="No space"):
        do_conversion(Convert(str(path), 1), Limits(), replacing)
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("m.pt", before)]


def test_big_endian_numbers_are_not_taken_for_little_ones(tmp_path):
    path = tmp_path / "m.pt"
    torch.save({"a": torch.ones(2)}, path)
    rewritten(path, lambda name, content: [(name, b"big" if name.endswith("byteorder") else content)])
    with pytest.raises(FormatError, match="another order of bytes"):
        do_conversion(Convert(str(path), 1), Limits(), replacing)


def test_an_ordered_dictionary_of_tensors_becomes_a_file_of_weights(tmp_path):
    found = converted(tmp_path / "m.pt", OrderedDict(a=torch.ones(2), b=torch.zeros(1)))
    assert list(found) == ["a", "b"]
    assert (tmp_path / "m.pt").stat().st_size < (tmp_path / "m.pt.orig").stat().st_size


def rewritten(path, change, method=zipfile.ZIP_STORED):
    """The archive with each member as ``change`` of name and content makes it."""
    with zipfile.ZipFile(path) as old:
        members = [(name, old.read(name)) for name in old.namelist()]
    with zipfile.ZipFile(path, "w", method) as new:
        for name, content in members:
            for changed in change(name, content):
                new.writestr(*changed)


@pytest.mark.parametrize(
    "change",
    [
        lambda name, content: [] if "/data/" in name else [(name, content)],
        lambda name, content: [(name, content[:-1] if "/data/" in name else content)],
        lambda name, content: [(name, content), (name.replace("data.pkl", "more/data.pkl"), content)],
        lambda name, content: [(name.replace("data.pkl", "constants.pkl"), content)],
        lambda name, content: [(name, content[:-1] + b"(" if name.endswith("data.pkl") else content)],
        lambda name, content: [] if name.endswith("data.pkl") else [(name, content)],
    ],
    ids=["no storage", "short storage", "two pickles", "script", "broken pickle", "no pickle"],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_that_is_not_as_torch_writes_it_is_left_as_it_is(tmp_path, change):
    path = tmp_path / "m.pt"
    torch.save({"a": torch.ones(2)}, path)
    rewritten(path, change)
    before = path.read_bytes()
    with pytest.raises(convert.Refusals):
        do_conversion(Convert(str(path), 1), Limits(), replacing)
    assert path.read_bytes() == before


def test_what_was_not_written_as_it_should_be_is_noticed(tmp_path):
    path = tmp_path / "m.pt"
    torch.save({"a": torch.ones(2)}, path)
    with convert.converted(str(path), Budget()) as checkpoint:
        stream = io.BytesIO()
        digest = convert.write(checkpoint, stream)
        written = bytearray(stream.getvalue())
        convert.check(checkpoint, digest, memoryview(written), "the file")
        with pytest.raises(FormatError, match="not written as it should"):
            convert.check(checkpoint, "0" * 64, memoryview(written), "another file")
        written[-1] ^= 1
        with pytest.raises(DigestError):
            convert.check(checkpoint, digest, memoryview(written), "a damaged file")


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: content.replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89"),
        lambda content: content[:-16] + (3).to_bytes(8, "little") + content[-8:],
    ],
    ids=["cut short", "longer", "big-endian", "another count"],
)
def test_an_older_file_that_is_not_as_torch_writes_it_is_left_as_it_is(tmp_path, change):
    path = tmp_path / "m.pt"
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    before = path.read_bytes()
    path.write_bytes(change(before))
    assert path.read_bytes() != before
    with pytest.raises(convert.Refusals):
        do_conversion(Convert(str(path), 1), Limits(), replacing)
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.pt"]
