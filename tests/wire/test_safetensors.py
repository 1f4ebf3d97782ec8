from __future__ import annotations

import json
import tracemalloc

import pytest
import safetensors

from leyden.errors import FormatError
from leyden.wire.safetensors import BITS, Entry, read_header, size_of


def file_of(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return memoryview((len(text) if length is None else length).to_bytes(8, "little") + text + data)


def entry(dtype="U8", shape=(4,), start=0, stop=4):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, stop]}


def test_a_header_says_where_each_tensor_lies():
    data = file_of({"__metadata__": {"k": "v"}, "a": entry("F32", (1,)), "b": entry("I16", (2, 1), 4, 8)}, bytes(8))
    header = read_header(data, "x")
    start = len(data) - 8
    assert header.metadata == {"k": "v"}
    assert header.data_start == start
    assert dict(header.entries) == {
        "a": Entry("F32", (1,), start, start + 4),
        "b": Entry("I16", (2, 1), start + 4, start + 8),
    }


def test_a_file_may_be_empty_and_padded_with_spaces():
    assert read_header(file_of(b"{}   "), "x").entries == {}


def test_empty_and_scalar_tensors_are_fine():
    header = {"e": entry("F32", (3, 0, 2), 0, 0), "s": entry("F64", (), 0, 8)}
    assert list(read_header(file_of(header, bytes(8)), "x").entries) == ["e", "s"]


def test_elements_smaller_than_a_byte_must_fill_whole_bytes():
    assert size_of("F4", (6,)) == 3
    assert size_of("F4", (5,)) is None


@pytest.mark.parametrize("dtype", BITS)
def test_the_safetensors_library_agrees_on_the_size_of(dtype):
    size = size_of(dtype, (8,))
    data = file_of({"a": entry(dtype, (8,), 0, size)}, bytes(size))
    assert read_header(data, "x").entries["a"].shape == (8,)
    [(name, info)] = safetensors.deserialize(bytes(data))
    assert (name, info["dtype"], info["shape"]) == ("a", dtype, [8])


MALFORMED = {
    "an overlap": ({"a": entry(), "b": entry(start=3, stop=7)}, "starts at byte"),
    "the same range twice": ({"a": entry(), "b": entry()}, "starts at byte"),
    "a hole": ({"a": entry(), "b": entry(start=5, stop=9)}, "starts at byte"),
    "a hole at the start": ({"a": entry(start=1, stop=5)}, "starts at byte"),
    "unsorted tensors": ({"a": entry(start=4, stop=8), "b": entry()}, "starts at byte"),
    "a range that ends before it starts": ({"a": entry(start=0, stop=4), "b": entry(start=4, stop=0)}, "does not take"),
    "too small a range": ({"a": entry(stop=3)}, "does not take"),
    "an unknown dtype": ({"a": entry("F128")}, "unknown dtype 'F128'"),
    "a dtype that is not text": ({"a": entry() | {"dtype": ["U8"]}}, "unknown dtype"),
    "a negative size": ({"a": entry(shape=(-1, -4))}, "whole number"),
    "a fractional size": ({"a": entry(shape=(4.0,))}, "whole number|number"),
    "a truth value for a size": ({"a": entry(shape=(4, True))}, "whole number"),
    "a shape that is no list": ({"a": entry() | {"shape": 4}}, "not a list"),
    "one offset": ({"a": entry() | {"data_offsets": [4]}}, "not two numbers"),
    "a field too many": ({"a": entry() | {"more": 1}}, "and these alone"),
    "a field too few": ({"a": {"dtype": "U8", "shape": [4]}}, "and these alone"),
    "an entry that is no object": ({"a": [1]}, "and these alone"),
    "a giant empty shape": ({"a": entry(shape=(0, 2**40, 2**40), stop=0)}, "2\\*\\*56 elements"),
    "a giant shape": ({"a": entry(shape=(2**31, 2**31, 4))}, "2\\*\\*56 elements"),
    "too many dimensions": ({"a": entry(shape=(1,) * 65, stop=1)}, "64 dimensions"),
    "metadata that is no object": ({"__metadata__": []}, "not an object"),
    "metadata that is no text": ({"__metadata__": {"a": 1}}, "not text, under 'a'"),
    "a name of half a character": ({"\ud800": entry()}, "valid Unicode"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_header_is_refused_for(case):
    header, reason = MALFORMED[case]
    with pytest.raises(FormatError, match=f"best.ckpt.*({reason})"):
        read_header(file_of(header, bytes(16)), "best.ckpt")


U8 = b'{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]}'
TEXTS = {
    "a key twice": (b'{"a":' + U8 % (0, 1) + b',"a":' + U8 % (1, 2) + b"}", "'a' twice"),
    "a field twice": (b'{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', "'dtype' twice"),
    "metadata twice": (b'{"__metadata__":{},"__metadata__":{}}', "'__metadata__' twice"),
    "a key twice in the metadata": (b'{"__metadata__":{"k":"1","k":"2"}}', "'k' twice"),
    "bytes that are not UTF-8": (b'{"\xff":1}', "not UTF-8 at byte 2"),
    "something after the object": (b'{} {}', "not JSON"),
    "a newline after the object": (b'{}\n', "not one JSON object"),
    "a list inside": (b'{"a":[[[[1]]]]}', "deeper than 3"),
    "nothing closed": (b'{"a":', "not one JSON object"),
    "an integer without end": (b'{"a":{"dtype":"U8","shape":[' + b"1" * 9999 + b"]}}", "9999 digits"),
}  # fmt: skip


@pytest.mark.parametrize("case", TEXTS)
def test_text_of_a_header_is_refused_for(case):
    text, reason = TEXTS[case]
    with pytest.raises(FormatError, match=reason):
        read_header(file_of(text, bytes(2)), "x")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes, too few"),
        (b"123456789", "9 bytes, too few"),
        (file_of(b"[1]"), "does not begin as"),
        (file_of(b"{}", length=2**63), "does not begin as"),
        (file_of(b"{}", length=100_000_001), "does not begin as"),
        (file_of(b"{}", length=3), "cut short: its header ends at byte 11, and it has 10"),
        (file_of({"a": entry()}, bytes(3)), "cut short: its tensors end at"),
        (file_of({"a": entry()}, bytes(5)), "1 bytes after its last tensor"),
        (b"PK\x03\x04" + bytes(60), "zip archive .*PyTorch Lightning.* nothing was unpickled.* way out"),
        (b"\x80\x02}q\x00X" + bytes(60), "it is a pickle.* nothing was unpickled"),
    ],
)
def test_a_file_that_is_no_safetensors_file_is_refused(data, reason):
    with pytest.raises(FormatError, match="(?s)^best.ckpt.*" + reason):
        read_header(memoryview(data), "best.ckpt")


def test_a_header_of_a_length_that_looks_like_a_pickle_is_read():
    data = file_of(b"{}" + b" " * 638)  # 640, or 80 02 in the file's first bytes
    assert bytes(data[:2]) == b"\x80\x02"
    assert read_header(data, "x").entries == {}


def test_a_hostile_header_costs_no_more_memory_than_a_few_times_its_size():
    text = b'{"a":' + b'{"":' * 100_000
    hostile = [file_of(text), file_of(b"{" + b"[" * 500_000 + b"}"), file_of(b'{"a":"' + b'\\"' * 250_000 + b"}")]
    for data in hostile:
        tracemalloc.start()
        with pytest.raises(FormatError):
            read_header(data, "x")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * len(data)
