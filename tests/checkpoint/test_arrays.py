from __future__ import annotations

import base64
import json
import sys

import numpy as np
import pytest
import torch

from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.errors import EncodeError, FormatError
from leyden.wire.envelope import write

DTYPES = [
    "?",
    "i1",
    "u2",
    "i4",
    "u8",
    "f2",
    "f4",
    "f8",
    "c8",
    "c16",
    ">i4",
    ">f8",
    "S3",
    "U2",
    "M8[ns]",
    "m8[25s]",
    "M8",
]


def round_trip(value, path):
    save({"v": value}, path)
    return load(path)["v"]


def same(left, right):
    return (type(left), left.dtype, left.shape, left.tobytes()) == (
        type(right),
        right.dtype,
        right.shape,
        right.tobytes(),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (3,), (40, 30)], ids=str)
def test_an_array_comes_back_equal_of_the_same_type_and_writable(tmp_path, dtype, shape):
    size = int(np.prod(shape))
    value = np.arange(size).astype(dtype).reshape(shape) if dtype[0] not in "SU" else np.full(shape, "ab", dtype)
    back = round_trip(value, tmp_path / "x")
    assert same(back, value)
    assert back.flags.writeable
    assert back.flags.aligned


@pytest.mark.parametrize("value", [np.arange(2000.0)[::2], np.arange(2000.0).reshape(40, 50).T, np.arange(9)[::-1]])
def test_an_array_in_any_layout_comes_back_equal(tmp_path, value):
    assert np.array_equal(round_trip(value, tmp_path / "x"), value)


@pytest.mark.parametrize(
    "value",
    [np.float64("nan"), np.float32(0.1), np.bool_(True), np.int64(-1), np.uint8(255), np.complex64(1j), np.float16(2),
     np.datetime64("2024-01-01"), np.datetime64("NaT"), np.timedelta64(5, "D"), np.str_("é"), np.str_(""),
     np.bytes_(b"ab")],
    ids=repr,
)  # fmt: skip
def test_a_scalar_comes_back_equal_and_of_the_same_type(tmp_path, value):
    assert same(round_trip(value, tmp_path / "x"), value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.array([object()]), "dtype object"),
        (np.zeros(1, [("a", "i4")]), "dtype .*'a'"),
        (np.zeros(1, np.longdouble), "dtype float128"),
        (np.ma.masked_array([1]), "MaskedArray"),
        (np.random.default_rng(0).bit_generator.seed_seq, "SeedSequence"),
    ],
    ids=["objects", "records", "long doubles", "masked", "seeds"],
)
def test_an_array_without_an_encoding_is_named(tmp_path, value, reason):
    with pytest.raises(EncodeError, match=f"^v is .*{reason}"):
        save({"v": value}, tmp_path / "x")


def test_checkpoints_work_where_numpy_is_missing(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "leyden.checkpoint.arrays")
    monkeypatch.delattr("leyden.checkpoint.arrays")
    array = np.ones(1)
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert round_trip((torch.ones(2).tolist(), b"x"), tmp_path / "x") == ([1.0, 1.0], b"x")
    with pytest.raises(EncodeError, match=r"^v is a numpy\.ndarray"):
        save({"v": array}, tmp_path / "x")


def array(dtype, shape, data):
    return {"$numpy.array": [dtype, shape, base64.b64encode(data).decode()]}


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (array("|O8", [1], bytes(8)), r"dtype '\|O8', which is not read"),
        (array("<f16", [1], bytes(16)), "which is not read"),
        (array("<U0", [10**12], b""), "which is not read"),
        (array("|S999999999", [1], b""), "do not fill it"),
        (array("<M8[zz]", [1], bytes(8)), "which is not read"),
        (array("f8,i4", [1], bytes(12)), "which is not read"),
        (array("<f8", [2], bytes(8)), "do not fill it"),
        (array("<f8", [-1], bytes(8)), "no possible shape"),
        (array("<f8", [0, 10**15, 10**15], b""), "no possible shape"),
        (array("<f8", [1.0], bytes(8)), "no possible shape"),
        (array("|b1", [1], b"\2"), "neither 0 nor 1"),
        ({"$numpy.array": [1]}, "not a numpy array"),
        ({"$numpy.scalar": ["|b1", "Ag=="]}, "neither 0 nor 1"),
        ({"$numpy.scalar": ["<f8", "AA=="]}, "not a numpy scalar"),
        ({"$numpy.scalar": ["<U1", "AAAAAA=="]}, "not a numpy scalar"),
        ({"$numpy.scalar": []}, "not a numpy scalar"),
        ({"$numpy.str": 1}, "not text"),
    ],
)
def test_a_malformed_array_is_refused(tmp_path, node, reason):
    path = tmp_path / "x"
    with path.open("w+b") as stream:
        write(stream, {}, json.dumps({"v": node}))
    with pytest.raises(FormatError, match=f"x: v .*{reason}"):
        load(path)
