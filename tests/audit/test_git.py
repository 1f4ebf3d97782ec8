from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.audit.repositories import commit, configure_hostile, git, needs_git, repository

from leyden.audit import git as asked
from leyden.errors import GitError

pytestmark = needs_git


def test_the_commit_that_is_checked_out_is_told(tmp_path):
    first = commit(repository(tmp_path))
    second = commit(tmp_path, a_py="x")
    (tmp_path / "deep").mkdir()
    assert asked.revision(str(tmp_path / "deep")) == second
    assert asked.commit(str(tmp_path), "HEAD~1") == first


def test_outside_of_a_repository_there_is_none(tmp_path):
    assert asked.revision(str(tmp_path)) == ""
    assert asked.revision(str(repository(tmp_path))) == ""


@pytest.mark.parametrize("name", ["nothing", "--output=x", "-h", "", "a\0b", "HEAD^{tree}", "HEAD\nHEAD"])
def test_a_name_that_is_none_is_an_error(tmp_path, name):
    commit(repository(tmp_path), a_py="x")
    with pytest.raises(GitError):
        asked.commit(str(tmp_path), name)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".git", "a.py"]


def test_variables_of_git_do_not_lead_elsewhere(tmp_path, monkeypatch):
    here = commit(repository(tmp_path / "here"), a_py="x")
    commit(repository(tmp_path / "other"), a_py="y")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert asked.revision(str(tmp_path / "here")) == here


def test_an_answer_without_end_is_cut_off(tmp_path, monkeypatch):
    commit(repository(tmp_path), a_py="x")
    monkeypatch.setattr(asked, "LARGEST", 10)
    with pytest.raises(GitError, match="over 10 bytes"):
        asked.ask(str(tmp_path), "rev-parse", "HEAD")


def test_an_answer_that_never_comes_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(asked, "SECONDS", 0.2)
    commit(repository(tmp_path), a_py="x")
    os.mkfifo(tmp_path / "pipe")
    git(tmp_path, "config", "include.path", str(tmp_path / "pipe"))
    with pytest.raises(GitError, match="did not work"):
        asked.ask(str(tmp_path), "rev-parse", "HEAD")


def test_a_program_of_the_project_is_not_taken_for_git(tmp_path, monkeypatch):
    (tmp_path / "git").write_text("#!/bin/sh\ntouch ran\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(GitError, match="lies in the project"):
        asked.ask(str(tmp_path), "version")


def test_without_git_there_is_an_error_and_no_revision(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="not installed"):
        asked.commit(str(tmp_path), "HEAD")
    assert asked.revision(str(tmp_path)) == ""


def test_nothing_that_the_configuration_names_is_run(tmp_path):
    head = commit(repository(tmp_path / "project"), a_py="x", b_py="y")
    configure_hostile(tmp_path / "project", tmp_path / "trap")
    (tmp_path / "project" / "a.py").write_text("changed")
    (tmp_path / "project" / "new.py").write_text("new")
    root = str(tmp_path / "project")
    assert asked.revision(root) == head
    for command in (("ls-tree", "-r", "-z", head), ("ls-files", "-c", "-o", "--exclude-standard", "-z")):
        assert asked.ask(root, *command)
    assert not (tmp_path / "trap").exists()
    # The trap is one, and what it waits for is why no command is used that converts files.
    git(tmp_path / "project", "config", "--unset", "filter.evil.process")
    git(tmp_path / "project", "-c", "core.fsmonitor=false", "diff", "--no-ext-diff", "--no-textconv", "HEAD")
    assert (tmp_path / "trap").exists()


def test_an_object_that_is_missing_is_not_fetched_by_what_the_configuration_names(tmp_path):
    root = repository(tmp_path / "project")
    (root / "deep").mkdir()
    (root / "deep" / "a.py").write_text("x")
    head = commit(root)
    tree = git(root, "rev-parse", "HEAD:deep")
    configure_hostile(root, tmp_path / "trap")
    git(root, "config", "--unset", "remote.origin.vcs")
    git(root, "config", "core.repositoryFormatVersion", "1")
    git(root, "config", "extensions.partialClone", "origin")
    git(root, "config", "remote.origin.promisor", "true")
    (root / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(GitError):
        asked.ask(str(root), "ls-tree", "-r", "-z", head)
    assert not (tmp_path / "trap").exists()


def test_what_looks_like_a_bare_repository_is_none(tmp_path):
    commit(repository(tmp_path / "real"), a_py="x")
    shutil.copytree(tmp_path / "real" / ".git", tmp_path / "data")
    git(tmp_path, "config", "--file", str(Path(tmp_path, "data", "config")), "core.bare", "true")
    assert asked.revision(str(tmp_path / "data")) == ""
