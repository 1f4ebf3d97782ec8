import gzip
import zlib

import pytest
from benchmarks.audit.making import HARMLESS, pickled, torch_zip
from tests.audit.artifacts.reading import cuts, formats, opened, rules

from leyden.audit.artifacts.source import read_artifact

RUN = pickled(b"cos\nsystem\n(Vx\ntR")


def read(content, name):
    return list(read_artifact(opened(content, name)))


def test_each_layer_of_a_file_is_taken_off():
    found = read(gzip.compress(zlib.compress(RUN)), "model")
    assert rules(found) == ["LEY101"]
    assert found[-1].place.inside == ("model", "model")


def test_what_was_unpacked_before_the_damage_is_looked_at():
    assert rules(read(gzip.compress(RUN)[:-4], "model")) == ["LEY101", "LEY002"]


def test_a_file_of_joblib_before_its_tenth_version_is_unpacked():
    size = b"0x%-17x" % len(RUN)
    assert rules(read(b"ZF" + size + zlib.compress(RUN), "model")) == ["LEY101"]
    assert rules(read(b"ZF" + size + b" " + zlib.compress(RUN), "model")) == ["LEY101"]


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        (RUN, "model.safetensors", ["LEY130", "LEY101"]), (HARMLESS, "notes.txt", ["LEY130"]),
        (gzip.compress(b"{}"), "model.safetensors", ["LEY130"]), (HARMLESS + torch_zip(), "a.pkl", ["LEY108",
        "LEY108", "LEY120"]),
        (b"\x01\x02" * 99, "model.pt", ["LEY161"]), (b"GGUF\3\0\0\0" + bytes(99), "model.gguf", ["LEY161"]),
        (b"\x01\x02" * 99, "model.7z", ["LEY160"]), (b"Rar!\x1a\x07\1\0", "model.rar", ["LEY160"]),
        (b"words", "model.pt", []), ("Português".encode("latin-1"), "tutor.pt", []), (b"", "model.pt", []),
        (b"\x01\x02" * 99, "picture.raw", []),
    ],
)  # fmt: skip
def test_name_and_content_are_held_against_each_other(content, name, found):
    assert rules(read(content, name)) == found


def test_a_gguf_file_is_called_what_it_is():
    (finding,) = read(b"GGUF\3\0\0\0" + bytes(99), "model.gguf")
    assert "GGUF" in finding.message


def test_a_packed_pickle_cut_anywhere_is_told():
    content = gzip.compress(RUN)
    assert [n for n, found in cuts(read_artifact, content, "model.pkl.gz") if n > 1 and not found] == []
    assert formats(read(content, "model.pkl.gz")) == ["pickle"]
