from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import struct

import pytest
import safetensors

from leyden.errors import DigestError, EncodeError, FormatError, SealError
from leyden.wire import envelope
from leyden.wire.envelope import PREFIX, SEAL, Leaf, check_digests, read, write
from leyden.wire.seal import Seal


def leaf(dtype, shape, data, alignment=1):
    return Leaf(dtype, shape, alignment, lambda: memoryview(data))


LEAVES = {
    "bytes": leaf("U8", (5,), b"hello"),
    "f": leaf("F32", (2,), b"abcdefgh", 4),
    "none": leaf("I64", (0, 3), b"", 8),
    "d": leaf("F64", (1,), b"12345678", 8),
}


def written(leaves=LEAVES, tree='{"a":1}'):
    stream = io.BytesIO()
    digest = write(stream, leaves, tree)
    return bytearray(stream.getvalue()), digest


def opened(data):
    found = read(memoryview(data), "best.ckpt")
    check_digests(found, memoryview(data), "best.ckpt")
    return found


def test_what_is_written_reads_back():
    data, digest = written()
    found = opened(data)
    assert (found.tree, found.seal) == ('{"a":1}', Seal(digest, None))
    held = {name: bytes(data[entry.start : entry.stop]) for name, entry in found.header.entries.items()}
    assert held == {"bytes": b"hello", "f": b"abcdefgh", "none": b"", "d": b"12345678"}


def test_the_safetensors_library_reads_the_same_tensors():
    data, _ = written()
    read_by_library = {name: bytes(info["data"]) for name, info in safetensors.deserialize(bytes(data))}
    assert read_by_library == {name: bytes(LEAVES[name].read()) for name in LEAVES}


def test_the_same_content_is_the_same_file():
    assert written() == written()


def test_every_tensor_is_aligned_to_its_elements_and_the_data_to_64_bytes():
    data, _ = written()
    header = opened(data).header
    assert header.data_start % 64 == 0
    assert all(entry.start % LEAVES[name].alignment == 0 for name, entry in header.entries.items())


def test_a_second_implementation_computes_the_same_digests():
    """As docs/checkpoint-format.md describes them."""
    data, digest = written()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    seal = 8 + len(PREFIX)
    header = bytes(data[:seal]) + b"0" * 256 + bytes(data[seal + 256 : start])
    assert data[seal : seal + 256].decode() == digest + "0" * 192
    assert hashlib.sha256(header).hexdigest() == digest
    members = json.loads(data[8:start])
    joined = members.pop("__metadata__")["leyden.sha256"]
    for index, fields in enumerate(members.values()):
        begin, end = fields["data_offsets"]
        content = data[start + begin : start + end]
        assert hashlib.sha256(content).hexdigest() == joined[64 * index : 64 * index + 64]


def test_no_bit_of_a_file_can_change_unnoticed():
    data, _ = written()
    for position in range(len(data)):
        for bit in (1, 16, 128):
            data[position] ^= bit
            with pytest.raises((FormatError, DigestError, SealError)):
                opened(data)
            data[position] ^= bit
    opened(data)


def test_a_file_cut_anywhere_is_refused():
    data, _ = written()
    for length in range(len(data)):
        with pytest.raises((FormatError, DigestError), match="best.ckpt"):
            opened(data[:length])


def test_a_file_with_something_after_its_end_is_refused():
    data, _ = written()
    with pytest.raises(FormatError, match="after its last tensor"):
        opened(data + b"\0")


def test_a_changed_tensor_is_named():
    data, _ = written()
    data[-1] ^= 1
    with pytest.raises(DigestError, match=r"best.ckpt: tensor 'bytes' \(bytes .*SHA-256 differs.*earlier checkpoint"):
        opened(data)


@pytest.mark.parametrize("size", [10, 1 << 20])
def test_the_first_of_several_changed_tensors_is_named_with_and_without_threads(size):
    data, _ = written({f"t{index}": leaf("U8", (size,), bytes(size)) for index in range(6)})
    for index in (4, 2, 5):
        data[-(6 - index) * size] ^= 1
    with pytest.raises(DigestError, match="'t2'"):
        opened(data)


def test_swapped_tensors_of_the_same_shape_are_found():
    data, _ = written({"a": leaf("U8", (4,), b"aaaa"), "b": leaf("U8", (4,), b"bbbb")})
    data[-8:] = data[-4:] + data[-8:-4]
    with pytest.raises(DigestError, match="'a'"):
        opened(data)


def test_a_renamed_tensor_is_found():
    data, _ = written()
    data[:] = data.replace(b'"bytes"', b'"bytez"')
    with pytest.raises(DigestError, match="header is not what was saved"):
        opened(data)


def resealed(data):
    """The file with a digest that fits its header, as anybody can make it."""
    start = 8 + len(PREFIX)
    stop = 8 + int.from_bytes(data[:8], "little")
    data[start : start + SEAL] = b"0" * SEAL
    data[start : start + 64] = hashlib.sha256(data[:stop]).hexdigest().encode()
    return data


def test_a_file_of_another_format_says_to_upgrade():
    data, _ = written()
    data[:] = data.replace(b'"leyden.format":"1"', b'"leyden.format":"9"')
    with pytest.raises(FormatError, match="has the format '9'.*reads '1'. Upgrade"):
        opened(resealed(data))


def test_a_header_without_a_digest_for_each_tensor_is_refused():
    data, _ = written()
    data[:] = data.replace(b"leyden.sha256", b"leyden.sha257")
    with pytest.raises(FormatError, match="one digest for each"):
        opened(resealed(data))


def test_a_signature_that_is_none_is_refused_before_anything_is_parsed():
    data, _ = written(tree="no JSON")
    data[200:204] = b"abcd"
    with pytest.raises(SealError, match=r"best.ckpt: the signature in its seal was not made by the key"):
        opened(data)


def test_a_header_rewritten_by_another_program_is_refused():
    data, _ = written()
    start = 8 + int.from_bytes(data[:8], "little")
    members = json.loads(data[8:start])
    members["__metadata__"] = dict(sorted(members["__metadata__"].items()))
    header = json.dumps(members).encode()
    with pytest.raises(FormatError, match="seal is gone"):
        opened(len(header).to_bytes(8, "little") + header + data[start:])


def test_any_other_safetensors_file_has_no_digests():
    header = b'{"__metadata__":{"format":"pt"},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'
    data = len(header).to_bytes(8, "little") + header + b"xy"
    found = opened(data)
    assert (found.seal, found.digests, found.tree) == (None, None, None)
    assert list(found.header.entries) == ["a"]


def test_a_header_beyond_what_safetensors_allows_is_not_written(monkeypatch):
    monkeypatch.setattr(envelope, "LARGEST_HEADER", 2000)
    with pytest.raises(EncodeError, match="would take 2,424 bytes; safetensors allows 2,000"):
        write(io.BytesIO(), {}, '"' * 1000)


@pytest.mark.parametrize("size", [1000, (1 << 20) + 1, (16 << 20) + 7])
def test_a_tensor_that_changes_while_it_is_written_has_the_digest_of_what_was_written(size):
    source = bytearray(size)

    class Stream(io.BytesIO):
        def write(self, data):
            source[-1] ^= 1
            return super().write(data)

    stream = Stream()
    write(stream, {"a": leaf("U8", (size,), source)}, "{}")
    assert [*opened(stream.getvalue()).header.entries] == ["a"]


def test_the_header_comes_last_so_an_interrupted_file_has_none():
    def fails():
        raise KeyboardInterrupt

    stream = io.BytesIO()
    with pytest.raises(KeyboardInterrupt):
        write(stream, {"a": leaf("F64", (1,), b"12345678", 8), "b": Leaf("U8", (1,), 1, fails)}, "{}")
    assert stream.getvalue()[:8] == bytes(8)
    assert stream.getvalue().endswith(b"12345678")


BIG = {f"w{number}": leaf("U8", (9 << 20,), bytes([number]) * (9 << 20)) for number in range(3)}


def test_large_tensors_are_on_their_way_to_the_disk_while_they_are_written_and_have_the_right_digests(
    tmp_path, monkeypatch
):
    flushed = []

    def flush(descriptor):
        flushed.append(os.fstat(descriptor).st_size)
        os.fsync(descriptor)

    monkeypatch.setattr(envelope, "_FLUSH", flush)
    with (tmp_path / "x").open("wb", buffering=0) as stream:
        write(stream, BIG, "{}")
    data = (tmp_path / "x").read_bytes()
    opened(bytearray(data))
    assert flushed
    assert 0 < flushed[0] < len(data)


def test_small_files_are_not_flushed_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(envelope, "_FLUSH", pytest.fail)
    with (tmp_path / "x").open("wb", buffering=0) as stream:
        write(stream, LEAVES, "{}")
    assert opened((tmp_path / "x").read_bytes()).header.entries.keys() == LEAVES.keys()


def test_what_the_disk_says_while_a_file_is_written_is_not_lost(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(envelope, "_FLUSH", refuse)
    with (tmp_path / "x").open("wb", buffering=0) as stream, pytest.raises(OSError, match=os.strerror(errno.EIO)):
        write(stream, BIG, "{}")
