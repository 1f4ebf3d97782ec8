from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path

import pytest
from tests.audit.repositories import commit, configure_hostile, git, needs_git, repository

from leyden.audit import changed as module
from leyden.audit.changed import changed
from leyden.errors import SettingsError

pytestmark = needs_git


@pytest.fixture
def project(tmp_path) -> Path:
    root = repository(tmp_path / "project")
    (root / "deep").mkdir()
    (root / "deep" / "c.py").write_text("c")
    commit(root, a_py="a", b_py="b", empty_py="")
    return root


def names(root: Path, name: str = "HEAD", *paths: str) -> list[str]:
    found = changed(paths or [str(root)], str(root), name)
    return sorted(os.path.relpath(path, root) for path in found)


def test_without_a_change_there_is_none(project):
    assert names(project) == []


def test_what_is_changed_staged_committed_or_untracked_is_found(project):
    first = git(project, "rev-parse", "HEAD")
    commit(project, committed_py="x")
    (project / "a.py").write_text("changed")
    (project / "staged.py").write_text("x")
    git(project, "add", "staged.py")
    (project / "deep" / "new.py").write_text("x")
    assert names(project) == ["a.py", "deep/new.py", "staged.py"]
    assert names(project, first) == ["a.py", "committed.py", "deep/new.py", "staged.py"]


def test_before_the_first_commit_everything_is_new(tmp_path):
    root = repository(tmp_path / "new")
    (root / "a.py").write_text("a")
    assert names(root) == ["a.py"]
    with pytest.raises(SettingsError, match="knows no commit 'main'"):
        names(root, "main")


def test_what_was_staged_and_put_back_is_as_it_was(project):
    (project / "a.py").write_text("changed")
    git(project, "add", "a.py")
    (project / "a.py").write_text("a")
    assert names(project) == []


def test_what_is_deleted_is_not_looked_at_and_what_is_renamed_is_new(project):
    (project / "a.py").unlink()
    git(project, "mv", "b.py", "renamed.py")
    assert names(project) == ["renamed.py"]


def test_what_is_ignored_is_left_out_unless_it_is_tracked(project):
    commit(project, _gitignore="*.pt\nb.py\n")
    (project / "model.pt").write_text("x")
    (project / "b.py").write_text("changed")
    assert names(project) == ["b.py"]
    git(project, "rm", "--quiet", "--cached", "b.py")
    assert names(project) == ["b.py"]


def test_links_and_repositories_within_are_not_looked_at(project):
    (project / "link.py").symlink_to("a.py")
    commit(repository(project / "nested"), x_py="x")
    git(project, "-c", "advice.addEmbeddedRepo=false", "add", "nested", "link.py")
    (project / "link.py").unlink()
    (project / "link.py").symlink_to("b.py")
    assert names(project) == []
    assert names(project / "nested") == []


def test_a_file_that_took_the_place_of_a_link_is_found(project):
    (project / "link.py").symlink_to("a.py")
    commit(project)
    (project / "link.py").unlink()
    (project / "link.py").write_text("x")
    assert names(project) == ["link.py"]


def test_a_link_in_the_place_of_a_directory_leads_nowhere_else(project, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "c.py").write_text("x")
    (project / "deep" / "c.py").unlink()
    (project / "deep").rmdir()
    (project / "deep").symlink_to(tmp_path / "outside")
    assert names(project) == []


def test_a_directory_below_the_top_sees_the_whole_repository(project):
    (project / "a.py").write_text("changed")
    assert names(project / "deep", "HEAD", str(project)) == ["../a.py"]


def test_names_that_are_no_text_are_found(project):
    name = os.fsdecode(b'a "\n\t\xff.py')
    (project / name).write_text("x")
    assert names(project) == [name]
    commit(project)
    assert names(project) == []


def test_the_longer_ids_of_a_repository_are_known(tmp_path):
    root = repository(tmp_path / "project", "--object-format=sha256")
    commit(root, a_py="a", b_py="b")
    (root / "a.py").write_text("x")
    assert names(root) == ["a.py"]


def test_a_large_file_is_not_compared(project, monkeypatch):
    monkeypatch.setattr(module, "_LARGEST", 0)
    assert names(project) == ["a.py", "b.py", "deep/c.py"]


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(project):
    (project / "a.py").unlink()
    os.mkfifo(project / "a.py")
    assert names(project) == []


def test_outside_of_a_repository_there_is_an_error_with_the_way_out(tmp_path):
    with pytest.raises(SettingsError, match="in no repository that git reads.*safe.directory"):
        names(tmp_path)


def test_a_path_outside_of_the_repository_is_an_error(project, tmp_path):
    with pytest.raises(SettingsError, match="lies outside of the repository"):
        names(project, "HEAD", str(project), str(tmp_path))


def test_a_repository_that_is_about_another_directory_is_an_error(project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    git(project, "config", "core.worktree", str(tmp_path))
    with pytest.raises(SettingsError, match="is about another directory"):
        names(project)
    git(project, "config", "core.worktree", str(tmp_path / "elsewhere"))
    with pytest.raises(SettingsError):
        names(project)


@pytest.mark.parametrize("name", ["nothing", "--all", ""])
def test_a_commit_that_is_none_is_an_error(project, name):
    with pytest.raises(SettingsError, match="commit"):
        names(project, name)


def test_nothing_that_the_configuration_names_is_run(project, tmp_path):
    configure_hostile(project, tmp_path / "trap")
    (project / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (project / "a.py").write_text("changed")
    (project / "new.py").write_text("new")
    os.utime(project / "b.py", (0, 0))  # git would look into it again
    assert names(project) == [".gitattributes", "a.py", "new.py"]
    assert not (tmp_path / "trap").exists()


def test_a_tree_that_names_what_lies_outside_leads_nowhere(project, tmp_path):
    (tmp_path / "outside.py").write_text("x")
    blob = git(project, "hash-object", "-w", "a.py")
    inner = _tree(project, f"100644 blob {blob}\toutside.py\n")
    tree = _tree(project, f"040000 tree {inner}\t..\n")
    root = git(project, "commit-tree", tree, "-m", "x")
    assert "../outside.py" not in names(project, root)


def _tree(project: Path, text: str) -> str:
    """A tree as git's own checks would not let it be."""
    content = b""
    for line in text.splitlines():
        about, name = line.split("\t")
        mode, _, found = about.split(" ")
        content += mode.lstrip("0").encode() + b" " + name.encode() + b"\0" + bytes.fromhex(found)
    whole = b"tree %d\0" % len(content) + content
    name = hashlib.sha1(whole).hexdigest()
    path = project / ".git" / "objects" / name[:2] / name[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(whole))
    return name
