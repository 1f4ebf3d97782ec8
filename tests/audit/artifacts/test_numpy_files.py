import io
import struct

import numpy as np
import pytest
from benchmarks.audit.making import npy
from tests.audit.artifacts.reading import cuts, opened, rules

from leyden.audit.artifacts.numpy_files import read_npy
from leyden.audit.finding import Artifact


def saved(array, **options):
    out = io.BytesIO()
    np.save(out, array, **options)
    return out.getvalue()


def read(content):
    return list(read_npy(opened(content, "a.npy")))


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 3)), np.zeros(0, "<f2"), np.array(["é"]), np.array(1j), np.zeros(2, [("a", "<f8", (2,)), ("b",
    "S3")]),
     np.array(["2026-01-01"], "M8[D]"), np.zeros((2, 2), order="F")],
    ids=["matrix", "empty", "text", "complex", "fields", "dates", "Fortran"],
)  # fmt: skip
def test_arrays_as_numpy_saves_them_are_in_order(array):
    found = read(saved(array))
    assert isinstance(found[0], Artifact)
    assert found[0].parameters == array.size
    assert not rules(found)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("kind", ["'|O'", "[('a', '|O')]", "('|O', (1,))"])
def test_objects_are_found_and_their_pickle_is_read(version, kind):
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': (1,)}}\n".encode()
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    content = b"\x93NUMPY" + bytes([version, 0]) + size + header
    assert rules(read(content + b"cos\nsystem\n.")) == ["LEY132", "LEY101"]


def test_objects_that_are_data_are_a_note_alone():
    found = read(saved(np.array([{"a": 1}], object), allow_pickle=True))
    assert [record.severity.name for record in found if hasattr(record, "severity")] == ["INFO"]


@pytest.mark.parametrize(
    "header",
    [b"__import__('os')", b"(" * 5_000, b"[]", b"{'descr': '<f8'}",
     b"{'descr': 'object', 'fortran_order': 0, 'shape': ()}",
     b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", b"9" * 9_000],
)  # fmt: skip
def test_a_header_that_says_something_else_is_told(header):
    assert rules(read(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header)) == ["LEY002"]


def test_bytes_that_follow_are_told():
    assert rules(read(saved(np.zeros(2)) + b"N.")) == ["LEY108"]


def test_a_file_cut_anywhere_is_told():
    content = npy(bytes(24), "<f8", (3,))
    assert [length for length, found in cuts(read_npy, content) if not found] == []
