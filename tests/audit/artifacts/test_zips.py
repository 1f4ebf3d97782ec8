import zipfile

import pytest
from benchmarks.audit.making import npy, raw_zip, torch_zip, zipped
from tests.audit.artifacts.reading import cuts, formats, nothing, opened, rules

from leyden.audit.artifacts.zips import read_zip
from leyden.audit.finding import LimitError


def read(content, name="model.zip"):
    return list(read_zip(opened(content, name), nothing))


def test_only_members_that_can_be_models_are_handed_on():
    found = read(zipped([("a/model.pkl", b"N."), ("b.npy", npy(b"")), ("README.md", b"# words"), ("dir/", b"")]))
    assert formats(found) == ["zip", "inner model.pkl", "inner b.npy"]
    assert not rules(found)


def test_what_looks_like_a_directory_and_has_a_content_is_handed_on():
    assert "inner " in formats(read(raw_zip([("data.pkl/", "data.pkl/", b"\x80\x02N.", 0)])))


def test_a_deflated_member_is_handed_on_as_it_was():
    sizes = [record.size for record in read(zipped([("a.pkl", b"N" * 999)], zipfile.ZIP_DEFLATED))]
    assert sizes[1] == 999


def test_a_member_that_is_cut_is_told_and_handed_on_as_far_as_it_goes():
    content = bytearray(zipped([("a.pkl", bytes(range(256)) * 99)], zipfile.ZIP_DEFLATED))
    at = content.index(b"PK\1\2") - 20
    content[at : at + 20] = b"\xff" * 20
    found = read(bytes(content))
    assert "inner a.pkl" in formats(found)
    assert "LEY002" in rules(found)


@pytest.mark.parametrize(
    ("content", "name", "rule"),
    [
        (zipped([("a", b"x"), ("a", b"y")]), "model.zip", "LEY120"),
        (zipped([("../a", b"x")]), "model.zip", "LEY122"),
        (raw_zip([("a", "a", b"x", 0)], flags=1), "model.zip", "LEY160"),
        (raw_zip([("a", "a", b"x", 12)]), "model.zip", "LEY160"),
        (raw_zip([("a", "a", b"x", 0)], comment=b"c"), "model.pt", "LEY121"),
        (torch_zip(storages={"0": bytes(64 << 20)}, method=zipfile.ZIP_DEFLATED), "model.pt", "LEY110"),
        (b"junk" + torch_zip(), "model.pt", "LEY120"),
        (b"PK\3\4 no archive", "model.zip", "LEY002"),
    ],
    ids=["twice", "path", "encrypted", "method", "comment", "bomb", "prefix", "no end"],
)
def test_each_thing_that_is_wrong_has_its_rule(content, name, rule):
    assert rule in rules(read(content, name))


def test_a_bomb_ends_at_the_limit():
    with pytest.raises(LimitError, match="over 8,388,608 bytes"):
        read(zipped([("a.pkl", bytes(64 << 20))], zipfile.ZIP_DEFLATED))


def test_the_parts_of_a_sharded_file_are_archives_of_their_own():
    assert formats(read(torch_zip() + torch_zip(), "__0_0.distcp")).count("torch-zip") == 2


def test_a_sharded_file_cut_anywhere_is_read():
    content = torch_zip() + zipped([("a", b"PK\5\6 in it")]) + b"PK\5\6"
    assert len(list(cuts(lambda file: read_zip(file, nothing), content, "__0_0.distcp"))) == len(content)


def test_a_file_cut_anywhere_is_told():
    content = zipped([("model.pkl", b"N."), ("b", b"x")])
    silent = [n for n, found in cuts(lambda file: read_zip(file, nothing), content) if n and not found]
    assert silent == []
