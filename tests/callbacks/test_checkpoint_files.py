from __future__ import annotations

import os
from pathlib import Path

import pytest

from leyden.callbacks.checkpoint_files import CheckpointFiles
from leyden.errors import PathError


@pytest.fixture
def files(tmp_path):
    (tmp_path / "ckpts").mkdir()
    return CheckpointFiles(str(tmp_path / "ckpts"))


def write(files: CheckpointFiles, name: str, own: bool = True) -> Path:
    files.prepare(name)
    path = Path(files.path(name))
    path.write_text(name)
    if own:
        files.claim(name)
    return path


def test_a_file_of_its_own_is_deleted(files):
    path = write(files, "epoch=0.ckpt")
    files.remove("epoch=0.ckpt")
    assert not path.exists()


def test_a_file_of_somebody_else_is_not(files):
    path = write(files, "epoch=0.ckpt", own=False)
    files.remove("epoch=0.ckpt")
    assert path.exists()


def test_a_file_that_was_deleted_is_no_longer_its_own(files):
    write(files, "a.ckpt")
    files.remove("a.ckpt")
    path = write(files, "a.ckpt", own=False)
    files.remove("a.ckpt")
    assert path.exists()


def test_a_file_that_is_gone_already_is_no_error(files):
    path = write(files, "a.ckpt")
    path.unlink()
    files.remove("a.ckpt")
    assert not path.exists()


def test_the_checkpoint_from_which_the_run_goes_on_is_never_deleted(files):
    path = write(files, "a.ckpt")
    link = Path(files.path("last.ckpt"))
    link.symlink_to("a.ckpt")
    files.keep(link)
    files.remove("a.ckpt")
    assert path.exists()


def test_a_directory_of_its_own_is_deleted_whole(files):
    write(files, "sharded.ckpt/part.ckpt")
    files.claim("sharded.ckpt")
    files.remove("sharded.ckpt")
    assert not Path(files.path("sharded.ckpt")).exists()


def test_a_link_in_the_place_of_a_file_is_deleted_and_not_followed(files, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "leaf").write_text("precious")
    for name, target in (("a.ckpt", victim), ("b.ckpt", tree)):
        write(files, name).unlink()
        Path(files.path(name)).symlink_to(target)
        files.remove(name)
        assert not os.path.lexists(files.path(name))
    assert victim.read_text() == "precious"
    assert (tree / "leaf").read_text() == "precious"


def test_nothing_is_written_linked_or_deleted_through_a_link_among_the_directories(files, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "loss=0.ckpt").write_text("precious")
    Path(files.path("val")).symlink_to(outside)
    write(files, "own.ckpt")
    files.claim("val/loss=0.ckpt")
    for forbidden in (
        lambda: files.prepare("val/loss=0.ckpt"),
        lambda: files.remove("val/loss=0.ckpt"),
        lambda: files.link("val/last.ckpt", "own.ckpt"),
        lambda: files.link("last.ckpt", "val/loss=0.ckpt"),
    ):
        with pytest.raises(PathError, match="is a link"):
            forbidden()
    assert [path.name for path in outside.iterdir()] == ["loss=0.ckpt"]
    assert (outside / "loss=0.ckpt").read_text() == "precious"


@pytest.mark.parametrize("name", ["../x.ckpt", "a/../../x.ckpt", "/x.ckpt", "..", ".", "", "a/", "a\\b", "C:x", "a\0b"])
def test_a_name_that_leads_out_of_the_directory_is_refused(files, name):
    with pytest.raises(PathError):
        files.place(name)


def test_directories_are_private(files):
    write(files, "val/deep/loss=0.ckpt")
    for directory in ("val", "val/deep"):
        assert Path(files.path(directory)).stat().st_mode & 0o777 == 0o700


def test_the_last_checkpoint_can_be_a_relative_link(files):
    write(files, "val/loss=0.ckpt")
    files.link("last.ckpt", "val/loss=0.ckpt")
    link = Path(files.path("last.ckpt"))
    assert link.readlink() == Path("val/loss=0.ckpt")
    write(files, "next.ckpt")
    files.link("last.ckpt", "next.ckpt")
    assert link.readlink() == Path("next.ckpt")
    assert sorted(path.name for path in Path(files.dirpath).iterdir()) == ["last.ckpt", "next.ckpt", "val"]
    assert files.owns("last.ckpt")


def test_a_link_takes_the_place_of_a_file_and_not_of_a_directory(files):
    write(files, "a.ckpt")
    old = write(files, "last.ckpt")
    files.link("last.ckpt", "a.ckpt")
    assert old.is_symlink()
    Path(files.path("dir.ckpt")).mkdir()
    with pytest.raises(PathError, match="is a directory"):
        files.link("dir.ckpt", "a.ckpt")


def test_where_there_are_no_links_the_last_checkpoint_is_a_copy(files, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no links here")

    write(files, "a.ckpt")
    monkeypatch.setattr(os, "symlink", refuse)
    files.link("last.ckpt", "a.ckpt")
    last = Path(files.path("last.ckpt"))
    assert not last.is_symlink()
    assert last.read_text() == "a.ckpt"


def test_names_and_paths_are_the_two_sides_of_each_other(files, monkeypatch, tmp_path):
    assert files.name(files.path("val/loss=0.ckpt")) == "val/loss=0.ckpt"
    monkeypatch.chdir(tmp_path)
    for dirpath, path in (("logs/version_0", "logs/version_0/a/b.ckpt"), ("", "a/b.ckpt")):
        relative = CheckpointFiles(dirpath)
        assert relative.path("a/b.ckpt") == path
        assert relative.name(relative.path("a/b.ckpt")) == "a/b.ckpt"


def test_a_relative_directory_stays_where_it_was(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    files = CheckpointFiles("ckpts")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert files.place("a.ckpt") == tmp_path.resolve() / "ckpts" / "a.ckpt"
