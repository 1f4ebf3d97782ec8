from __future__ import annotations

import collections
import copy
import io
import os
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from leyden.checkpoint.legacy import load_legacy
from leyden.checkpoint.objects import Unrestored
from leyden.core.attribute_dict import AttributeDict
from leyden.errors import FormatError, SealError, TrustError
from leyden.security.policy import Policy
from leyden.wire.legacy.described import ITEM_BYTES, STORAGES

DTYPES = [getattr(torch, name) for name in ITEM_BYTES]
TYPED = [f"torch.{name}" for name in STORAGES.values()]  # with a class of storages of their own
LAYOUTS = pytest.mark.parametrize("legacy", [False, True], ids=["zip", "older"])


class Loss:
    def __init__(self):
        self.weight = torch.ones(2)


class Shell:
    def __reduce__(self):
        return os.system, ("true",)


def saved(value, legacy=False, **options) -> io.BytesIO:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=not legacy, **options)
    stream.seek(0)
    return stream


def alike(left, right) -> bool:
    """Equal in value, in type and in everything that a program can see of a tensor."""
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        kind = ("dtype", "shape", "layout", "device", "requires_grad", "is_leaf")
        if any(getattr(left, name) != getattr(right, name) for name in kind) or not alike(vars(left), vars(right)):
            return False
        if left.device.type == "meta":
            return left.stride() == right.stride()
        if left.layout is torch.sparse_coo:
            return left.is_coalesced() == right.is_coalesced() and torch.equal(left.to_dense(), right.to_dense())
        places = [(one.stride(), one.storage_offset(), one.is_conj(), one.is_neg()) for one in (left, right)]
        storages = [bytes(one.untyped_storage()) for one in (left, right)]
        return places[0] == places[1] and storages[0] == storages[1]
    if isinstance(left, dict):
        return (
            alike([*left], [*right])
            and alike([*left.values()], [*right.values()])
            and alike(getattr(left, "__dict__", None), getattr(right, "__dict__", None))
        )
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(alike, left, right))
    if isinstance(left, np.ndarray):
        return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())
    return bool(left == right) or (left != left and right != right)


def as_torch_reads(value, legacy=False):
    stream = saved(value, legacy)
    mine = load_legacy(copy.copy(stream))
    assert alike(mine, torch.load(stream, weights_only=True))
    return mine


@LAYOUTS
@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_comes_back_with_its_views_and_its_storage(dtype, legacy):
    octets = torch.arange(24 * dtype.itemsize, dtype=torch.uint8)
    base = (octets % 2 if dtype is torch.bool else octets).view(dtype).reshape(4, 6)
    views = [base, base.t(), base[1:, 2], base[::2, ::3], base[0, 0], base[:0], base[:, None].expand(4, 2, 6)]
    if legacy and f"{dtype}" not in TYPED:  # what torch writes so, it cannot read
        assert alike(load_legacy(saved(views, legacy)), views)
    else:
        as_torch_reads(views, legacy)


@LAYOUTS
def test_what_was_one_storage_is_one_storage(legacy):
    weight = torch.ones(3, 4)
    found = as_torch_reads({"a": weight, "b": weight, "row": weight[1], "t": weight.t()}, legacy)
    found["a"].mul_(2)
    assert all(bool((tensor == 2).all()) for tensor in found.values())
    assert found["a"] is found["b"]


class Buffered(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 4)
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.table.weight
        self.norm = nn.BatchNorm1d(4)


@LAYOUTS
def test_a_state_dict_is_the_same_down_to_its_metadata(legacy):
    found = as_torch_reads(Buffered().state_dict(), legacy)
    assert found._metadata == Buffered().state_dict()._metadata


@LAYOUTS
@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "AdamW", "Adagrad", "Adadelta", "RMSprop", "Rprop", "NAdam", "LBFGS", "Adafactor"]
)
def test_the_state_of_an_optimizer_is_the_same(name, legacy):
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    extra = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = getattr(torch.optim, name)(layer.parameters(), lr=0.1, **extra)
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step(lambda: torch.ones(()))
    as_torch_reads(optimizer.state_dict(), legacy)


@LAYOUTS
@pytest.mark.parametrize(
    "value",
    [
        nn.Parameter(torch.ones(2)),
        nn.Parameter(torch.ones(2), requires_grad=False),
        torch.ones(2, requires_grad=True),
        nn.Buffer(torch.ones(2)),
        torch.tensor([1 + 2j]).conj(),
        torch._neg_view(torch.ones(2)),
        torch.eye(3).to_sparse(),
        torch.sparse_coo_tensor([[0, 0]], [1.0, 2.0], (2,), check_invariants=True),
        torch.sparse_csr,
        torch.ones(2, 3, device="meta").t(),
        torch.Size([1, 2]),
        torch.bfloat16,
        torch.device("cpu"),
        torch.strided,
        collections.OrderedDict(a=1),
        collections.Counter("aab"),
        {1, 2},
        {1: {"a": (None, True, 2**70, 1.5, float("nan"), 3j, b"\xff", bytearray(b"x"), "\u00fc")}},
        "x" * 100_000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_torch_reads_safely_is_read_the_same(value, legacy):
    as_torch_reads({"key": value}, legacy)


@LAYOUTS
def test_a_storage_is_one_of_bytes_or_of_numbers_as_it_was_saved(legacy):
    untyped, typed = torch.tensor([1.5]).untyped_storage(), torch.tensor([1.5])._typed_storage()
    found = load_legacy(saved([untyped, typed], legacy))
    assert (type(found[0]), bytes(found[0])) == (torch.UntypedStorage, bytes(untyped))
    assert (type(found[1]), found[1].dtype, found[1]._getitem(0)) == (torch.TypedStorage, torch.float32, 1.5)


@LAYOUTS
@pytest.mark.filterwarnings("ignore:Sparse")  # torch says that its support is new
@pytest.mark.parametrize("layout", ["csr", "csc", "bsr", "bsc"])
def test_a_compressed_tensor_is_read_the_same(layout, legacy):
    extra = ((1, 1),) if layout.startswith("b") else ()
    value = getattr(torch.eye(3), f"to_sparse_{layout}")(*extra)
    found = load_legacy(saved(value, legacy))
    assert found.layout is value.layout
    assert torch.equal(found.to_dense(), value.to_dense())


def test_a_root_may_be_anything():
    for value in (torch.ones(2), [torch.ones(2), 1], 3, "text", None, (1, 2)):
        as_torch_reads(value)


@LAYOUTS
@pytest.mark.parametrize(
    "value",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
        np.array(["a", "bcd"]),
        np.array([b"a", b"bcd"]),
        np.array([True, False]),
        np.array(["2020-01-01T01"], dtype="M8[25s]"),
        np.zeros((0, 3), dtype=np.complex64),
        np.float32(1.5),
        np.int64(-1),
        np.bool_(True),
        np.datetime64("2020-01-01"),
        np.dtype("float16"),
    ],
    ids=lambda value: str(value.dtype) if hasattr(value, "dtype") else "dtype",
)
def test_numpys_values_come_back_as_they_were(value, legacy):
    assert alike(load_legacy(saved([value], legacy)), [value])


@pytest.mark.parametrize("module", ["lightning_fabric.utilities.data", "pytorch_lightning.utilities.parsing"])
def test_an_attribute_dict_of_lightning_becomes_ours(module):
    found = load_legacy(pickled(b"c%b\nAttributeDict\n)\x81X\x02\0\0\0lrK\x07s." % module.encode()))
    assert type(found) is AttributeDict
    assert found == {"lr": 7}


def test_tensors_are_the_mapped_file_and_may_be_written_to(tmp_path):
    path = tmp_path / "m.pt"
    torch.save(torch.ones(1 << 20), path)
    before = path.read_bytes()
    first, second = load_legacy(path), load_legacy(path, mapped=False)
    first.mul_(2)
    assert path.read_bytes() == before
    path.unlink()
    assert bool((first == 2).all())
    assert bool((second == 1).all())


@pytest.mark.parametrize(
    "place", [None, "cpu", torch.device("cpu"), {}, {"cpu": "cpu"}, lambda storage, location: None]
)
def test_a_place_is_given_as_torch_takes_it(place):
    value = torch.arange(3.0)
    assert torch.equal(load_legacy(saved(value), map_location=place), value)


def test_a_function_is_asked_for_each_storage_with_the_device_that_it_was_saved_from():
    asked = []

    def place(storage, location):
        asked.append((storage.nbytes(), location))
        return storage

    shared = torch.ones(4)
    load_legacy(saved([shared, shared[1:], torch.ones(2)]), map_location=place)
    assert asked == [(16, "cpu"), (8, "cpu")]


def moved_to_another_device(value, device: bytes) -> io.BytesIO:
    """The file as a machine with that device would have written it."""
    content = saved(value, legacy=True).getvalue()
    return io.BytesIO(content.replace(b"\x03\x00\x00\x00cpu", struct.pack("<I", len(device)) + device))


def test_tensors_of_a_device_that_is_not_here_are_on_the_cpu_unless_it_is_asked_for():
    stream = moved_to_another_device(torch.ones(2), b"cuda:7")
    assert load_legacy(copy.copy(stream)).device.type == "cpu"
    with pytest.raises(FormatError, match=r"'cuda:7', which cannot be used here .*map_location='cpu'"):
        load_legacy(stream, map_location={})


def test_a_tensor_may_be_read_without_its_memory():
    assert load_legacy(saved(torch.ones(2)), map_location="meta").device.type == "meta"


def test_an_object_is_an_error_that_names_it_its_place_and_the_way_out():
    value = {"state_dict": {"w": torch.ones(1)}, "extra": [1, {"loss": Loss(), "act": torch.nn.functional.gelu}]}
    with pytest.raises(TrustError) as error:
        load_legacy(saved(value))
    name = f"{Loss.__module__}.Loss"
    assert f"{name} at extra.1.loss (byte " in str(error.value)
    assert f"leyden convert OLD NEW --allow-class {name}" in str(error.value)


@LAYOUTS
def test_in_an_entry_that_is_only_described_an_object_leaves_its_place(legacy):
    value = {"state_dict": {"w": torch.ones(1)}, "hyper_parameters": {"loss": Loss(), "lr": 0.1, "kinds": [len]}}
    found = load_legacy(saved(value, legacy), describe=["hyper_parameters"])
    assert alike(found["state_dict"], value["state_dict"])
    lost = found["hyper_parameters"]["loss"]
    assert (type(lost), lost.name) == (Unrestored, f"{Loss.__module__}.Loss")
    assert repr(found["hyper_parameters"]["kinds"]) == "[<not restored: builtins.len>]"
    assert found["hyper_parameters"]["lr"] == 0.1


def test_a_whole_model_is_an_error_that_says_what_to_save_instead():
    with pytest.raises(TrustError, match=r"torch\.nn\.modules\.linear\.Linear at the root .*save its state_dict\(\)"):
        load_legacy(saved(nn.Linear(1, 1)))


@pytest.mark.parametrize("key", ["x", "hyper_parameters"])
def test_a_file_that_would_run_something_is_refused_wherever_it_says_so(key):
    with pytest.raises(TrustError, match=rf"{key} names posix.system .*Nothing was run here"):
        load_legacy(saved({key: Shell(), "w": torch.ones(1)}), describe=["hyper_parameters"])


def pickled(content: bytes) -> io.BytesIO:
    """A file of torch's with this for its pickle."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a/data.pkl", content)
        archive.writestr("a/version", "3\n")
    stream.seek(0)
    return stream


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"cos\nsystem\n(S'true'\ntR0}.", "names os.system"),
        (b"cmy.place\nThing\n0}.", "imports a name that is not known to be harmless"),
        (b"ccollections\nOrderedDict\n}b0}.", "changes something it imported"),
        (b"\x80\x02\x82\x01.", "fetches an object through the extension registry"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x85\x93.", "imports under a name that is computed"),
        (b"}}a.", "uses an operation on what it is not for"),
        (b"(lp0\ng0\na.", "contains itself"),
        (b"ctorch\nSize\n((I-1\nttR.", "a number that cannot be"),
        (b"}.more", "bytes follow the end of the pickle"),
        (b"}", "cannot be read to its end"),
    ],
)
def test_a_pickle_that_does_more_than_describe_data_is_refused(content, says):
    with pytest.raises((FormatError, TrustError), match=says):
        load_legacy(pickled(content))


def test_what_stands_for_more_than_anybody_can_walk_through_is_refused():
    laughs = b"]q\0" + b"".join(b"](h%ch%ceq%c" % (n, n, n + 1) for n in range(60)) + b"."
    with pytest.raises(FormatError, match="beyond the limits"):
        load_legacy(pickled(laughs))
    deep = b"]" * 1000 + b"a" * 999 + b"."
    with pytest.raises(FormatError, match="beyond the limits"):
        load_legacy(pickled(deep))
    slow = b"}(" + b"".join(b"L%dL\nN" % (n * (2**61 - 1)) for n in range(1, 100)) + b"u."
    with pytest.raises(FormatError, match="chosen to be slow"):
        load_legacy(pickled(slow))


def rezipped(value, change=lambda name, content: [(name, content)], method=zipfile.ZIP_STORED) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(saved(value)) as old, zipfile.ZipFile(stream, "w", method) as new:
        for name in old.namelist():
            for changed in change(name, old.read(name)):
                new.writestr(*changed)
    stream.seek(0)
    return stream


def test_compressed_members_are_read_as_torch_reads_them():
    value = {"w": torch.arange(10_000.0)}
    assert alike(load_legacy(rezipped(value, method=zipfile.ZIP_DEFLATED)), value)


def entry_with(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """The archive with another value in the directory's entry of a member."""
    at = data.rindex(name) - 46 + offset
    return data[:at] + value + data[at + len(value) :]


def test_a_small_file_that_would_take_much_memory_is_refused_before_it_takes_it():
    bomb = rezipped(torch.zeros(25 << 20), method=zipfile.ZIP_DEFLATED)
    assert len(bomb.getvalue()) < 1 << 20
    with pytest.raises(FormatError, match=r"would become 104,8.*zip it again without compression"):
        load_legacy(bomb)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda name, content: [(name, content)] * 2, "members of the name"),
        (lambda name, content: [(name, content), (name.upper(), content)], "members of the name"),
        (lambda name, content: [] if "/data/" in name else [(name, content)], "is not in the archive"),
        (lambda name, content: [(name, content[:-1] if "/data/" in name else content)], "has 7 bytes, and its pickle"),
        (lambda name, content: [(name, content), (f"{name}/more", b"x")], "which torch.save does not write"),
        (lambda name, content: [(f"../{name}", content)], "which torch.save does not write"),
        (lambda name, content: [(name.replace("data.pkl", "constants.pkl"), content)], "program of TorchScript"),
        (lambda name, content: [(name.replace("data.pkl", "data/7"), content)], "it has no data.pkl"),
        (
            lambda name, content: [(name, content), (name.replace("/0", "/9"), content)][: 1 + ("/0" in name)],
            "belongs to no tensor",
        ),
        (lambda name, content: [(name, b"big" if name.endswith("byteorder") else content)], "another order of bytes"),
    ],
    ids=[
        "twice",
        "twice but for case",
        "no storage",
        "short",
        "more",
        "outside",
        "script",
        "no pickle",
        "unused",
        "big",
    ],
)
def test_an_archive_that_is_not_as_torch_writes_it_is_refused(change, says):
    with pytest.raises(FormatError, match=says):
        load_legacy(rezipped(torch.ones(2), change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: b"x" * 8 + data, "no file of torch.save"),
        (lambda data: data + b"x", "could be read in two ways"),
        (lambda data: data[:-30], "cut short"),
        (lambda data: data.replace(b"archive/data.pkl", b"archive/data.pkm", 1), "is called"),
        (lambda data: data.replace(b"FloatStorage", b"floatStorage", 1), "checksum"),
        (lambda data: entry_with(data, b"archive/data/0", 38, b"\x10"), "says that it is a directory"),
        (lambda data: data[:-38] + b"\1" + data[-37:], "one of several parts"),
    ],
    ids=["before", "after", "end", "two names", "changed", "a directory", "several disks"],
)
def test_an_archive_that_contradicts_itself_is_refused(change, says):
    data = saved(torch.ones(2)).getvalue()
    changed = change(data)
    assert changed != data
    with pytest.raises(FormatError, match=says):
        load_legacy(io.BytesIO(changed))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data[:-1], "not as long as its pickle says"),
        (lambda data: data + b"x", "1 bytes follow its last storage"),
        (lambda data: data.replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89"), "another order of bytes"),
        (lambda data: data[:-16] + (3).to_bytes(8, "little") + data[-8:], "not as long as its pickle says"),
    ],
)
def test_an_older_file_that_is_not_as_torch_writes_it_is_refused(change, says):
    data = saved(torch.ones(2), legacy=True).getvalue()
    assert change(data) != data
    with pytest.raises(FormatError, match=says):
        load_legacy(io.BytesIO(change(data)))


def test_other_files_are_told_apart():
    import pickle

    with pytest.raises(FormatError, match="is a pickle, and not one of torch"):
        load_legacy(io.BytesIO(pickle.dumps({"a": 1})))
    with pytest.raises(FormatError, match="no file of torch.save"):
        load_legacy(io.BytesIO(b"text"))
    with pytest.raises(FormatError, match="no file of torch.save"):
        load_legacy(io.BytesIO(b""))


def test_a_tensor_cannot_reach_beyond_its_storage_or_repeat_it_without_end():
    content = saved(torch.arange(4.0), legacy=True).getvalue()
    assert content.count(b"K\x00K\x04\x85") == 1
    with pytest.raises(FormatError, match="reaches beyond its storage"):
        load_legacy(io.BytesIO(content.replace(b"K\x00K\x04\x85", b"K\x01K\x04\x85")))
    with pytest.raises(FormatError, match="repeats its storage"):
        load_legacy(saved(torch.ones(1).expand(1 << 30)))


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_a_quantized_tensor_is_named():
    with pytest.raises(FormatError, match=r"key is a quantized tensor, which is not read. Save its int_repr\(\)"):
        load_legacy(saved({"key": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}))


def test_a_policy_can_refuse_every_pickled_file(monkeypatch):
    load_legacy(saved(1))
    with pytest.raises(SealError, match=r"\(rule 'pickled'\).*leyden convert --seal OLD NEW.*pickled=True"):
        load_legacy(saved(1), policy=replace(Policy.DEFAULT, pickled=False))
    with pytest.raises(SealError, match="rule 'pickled'"):
        load_legacy(saved(1), policy="strict")
    monkeypatch.setenv("LEYDEN_POLICY", "strict")
    with pytest.raises(SealError, match="rule 'pickled'"):
        load_legacy(saved(1), policy="open")
