import io
import tarfile

import pytest
from benchmarks.audit.making import tarred
from tests.audit.artifacts.reading import cuts, formats, nothing, opened, rules

from leyden.audit.artifacts.tars import read_tar


def read(content):
    return list(read_tar(opened(content, "model.tar"), nothing))


def with_headers(headers, name="x"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.size, info.pax_headers = 2, headers
        archive.addfile(info, io.BytesIO(b"hi"))
    return out.getvalue()


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_members_are_handed_on_by_their_whole_names(kind):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        archive.addfile(tarfile.TarInfo("a" * 60 + "/" + "b" * 60 + "/model.pkl"))
        archive.addfile(tarfile.TarInfo("second.pt"))
    found = read(out.getvalue())
    assert formats(found) == ["tar", "inner model.pkl", "inner second.pt"]
    assert not rules(found)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (tarred([("../a", b"x")]), "LEY122"),
        (tarred([], [("a", "/etc")]), "LEY122"),
        (with_headers({"path": "/etc/x"}), "LEY122"),
        (with_headers({"GNU.sparse.major": "1", "GNU.sparse.name": "a.pkl"}), "LEY160"),
        (tarred([("a", b"1"), ("a", b"2")]), "LEY120"),
        (tarred([("pickle", b"N."), ("storages", b"N."), ("tensors", b"N.")]), "LEY140"),
        (tarred([("a", b"x")])[:1024] + tarred([("b", b"y")]), None),
        (tarred([("a", b"x")]) + tarred([("b", b"y")]), "LEY002"),
    ],
    ids=["path", "link", "long name", "sparse", "twice", "torch of 2016", "no end between", "after its end"],
)
def test_each_thing_that_is_wrong_has_its_rule(content, rule):
    assert rules(read(content)) == ([] if rule is None else [rule])


def test_what_lies_after_the_end_is_handed_on_too():
    assert "inner b" in formats(read(tarred([("a", b"x")]) + bytes(9 << 20) + tarred([("b", b"y")])))


def test_a_device_and_an_unknown_kind_are_odd():
    for kind in (b"3", b"6", b"Z"):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            info = tarfile.TarInfo("a")
            info.type = kind
            archive.addfile(info)
        assert rules(read(out.getvalue())) == ["LEY121"]


def test_a_file_cut_anywhere_is_read_and_a_cut_member_is_told():
    content = tarred([("a.txt", b"x" * 700), ("b.txt", b"y")])
    for length, found in cuts(lambda file: read_tar(file, nothing), content[:2560]):
        if 512 <= length < 512 + 700:
            assert found == ["LEY002"]
