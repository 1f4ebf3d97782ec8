from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

import leyden as L
from leyden.errors import DataError, FormatError, PathError
from leyden.security import manifest as manifests
from leyden.security.keys import home
from leyden.security.manifest import Manifest, load, manifest, parse

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
LATER = 4_000_000_000_000_000_000  # nanoseconds since 1970


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "home"))
    folder = tmp_path / "data"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.txt").write_text("hello")
    (folder / "deep" / "er" / "b.bin").write_bytes(bytes(3 << 20))
    return folder


def test_each_file_has_its_size_and_digest(data):
    made = L.data.manifest(data)
    assert made.files["a.txt"] == (5, HELLO)
    assert made.files.keys() == {"a.txt", "deep/er/b.bin"}
    assert made.bytes == 5 + (3 << 20)


def test_the_digest_is_the_same_wherever_the_data_lies_and_another_for_other_data(data, tmp_path):
    before = manifest(data).digest
    data.rename(tmp_path / "moved")
    assert manifest(tmp_path / "moved").digest == before
    (tmp_path / "moved" / "a.txt").rename(tmp_path / "moved" / "c.txt")
    assert manifest(tmp_path / "moved").digest != before


def test_a_file_alone_is_data_too_and_may_be_reached_by_a_link(data, tmp_path):
    (tmp_path / "link").symlink_to(data / "a.txt")
    assert manifest(tmp_path / "link").files == manifest(data / "a.txt").files == {".": (5, HELLO)}


def test_hostile_names_are_kept_apart(data):
    for name in ("line\nbreak", '"quote', "back\\slash", "ü", os.fsdecode(b"\xff")):
        (data / name).write_text(name.encode("utf-8", "surrogateescape").hex())
    made = manifest(data)
    assert len(made.files) == 7
    assert parse(made.to_json().encode(), "x") == made


def test_a_tree_of_any_depth_is_walked(data):
    here = os.open(data, os.O_RDONLY)
    for _ in range(1000):  # deeper than Python's stack
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    try:
        assert len(manifest(data).files) == 2
    finally:
        subprocess.run(["rm", "-rf", data / "d"], check=True)  # deeper than pytest removes


def test_links_within_are_part_of_the_data_and_their_targets_are_read_once(data):
    (data / "again").symlink_to("deep")
    made = manifest(data)
    assert made.links == {"again": "deep"}
    assert len(made.files) == 2
    (data / "again").unlink()
    assert manifest(data).digest != made.digest


@pytest.mark.parametrize("target", ["/etc/passwd", "../other", "/", "deep/../../other"])
def test_a_link_that_leads_out_is_refused(data, target):
    (data / "link").symlink_to(target)
    with pytest.raises(PathError, match="link is a link that leads out of"):
        manifest(data)


def test_a_pipe_is_refused_and_not_waited_for(data):
    os.mkfifo(data / "pipe")
    with pytest.raises(PathError, match="neither a file, a directory nor a link"):
        manifest(data)
    with pytest.raises(PathError, match="neither a file nor a directory"):
        manifest(data / "pipe")


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        manifest(tmp_path / "nowhere")


def test_a_file_that_changes_meanwhile_is_an_error(data, monkeypatch):
    key = manifests._key
    seen = threading.local()

    def grows(status):
        if getattr(seen, "twice", False):
            with (data / "a.txt").open("a") as stream:
                stream.write("more")
            return (*key(status), 1)
        seen.twice = True
        return key(status)

    monkeypatch.setattr(manifests, "_key", grows)
    with pytest.raises(DataError, match="changed while it was read"):
        manifest(data / "a.txt")


def made_later(data: Path) -> None:
    """A manifest long after the files were written: the cache trusts none that is new."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifests.time, "time_ns", lambda: LATER)
        manifest(data)


def test_a_file_that_has_not_changed_is_not_read_again_unless_that_is_asked(data, tmp_path):
    made_later(data)
    (cache,) = (home() / "digests").iterdir()
    cache.write_text(cache.read_text().replace(HELLO, "ab" * 32))
    assert manifest(data).files["a.txt"] == (5, "ab" * 32)
    assert manifest(data, cached=False).files["a.txt"] == (5, HELLO)


def test_a_file_of_the_same_size_and_time_is_read_again_where_it_is_another(data):
    made_later(data)
    status = (data / "a.txt").stat()
    (data / "a.txt").write_text("HELLO")
    os.utime(data / "a.txt", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert manifest(data).files["a.txt"][1] != HELLO


def test_what_was_written_a_moment_ago_is_not_cached(data):
    manifest(data)
    (cache,) = (home() / "digests").iterdir()
    assert cache.read_text() == "[]"


@pytest.mark.parametrize("content", [b"", b"\xff", b"{}", b"[1]", b'[["a.txt"]]', b'[["a.txt",1,2,3,4,5,6]]'])
def test_a_damaged_cache_costs_time_alone(data, content):
    manifest(data)
    (cache,) = (home() / "digests").iterdir()
    cache.write_bytes(content)
    assert manifest(data).files["a.txt"] == (5, HELLO)


def test_without_a_home_there_is_no_cache_and_the_same_answer(data, monkeypatch, tmp_path):
    before = manifest(data).digest
    monkeypatch.setenv("LEYDEN_HOME", str(data / "a.txt"))
    assert manifest(data).digest == before
    assert load(before) is None


def test_a_manifest_is_kept_under_its_digest_and_not_believed_when_it_was_changed(data):
    made = manifest(data)
    assert load(made.digest) == made
    path = home() / "manifests" / f"{made.digest}.json"
    path.write_text(path.read_text().replace("a.txt", "b.txt"))
    with pytest.raises(FormatError, match="is not the manifest that it was"):
        load(made.digest)


def test_differences_are_told_by_name(data):
    before = manifest(data)
    (data / "a.txt").write_text("other")
    (data / "deep" / "er" / "b.bin").unlink()
    (data / "new").symlink_to("a.txt")
    assert before.differences(manifest(data)) == ["a.txt is another", "deep/er/b.bin is gone", "new is new"]
    assert before.differences(before) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b'{"files":[]}', b'{"files":[["a",1]],"links":[]}', b'{"files":[],"links":[["a",1]]}'],
)
def test_what_is_no_manifest_is_refused(content):
    with pytest.raises(FormatError):
        parse(content, "x")


def test_an_empty_directory_has_a_manifest(tmp_path):
    assert manifest(tmp_path) == Manifest({}, {})
