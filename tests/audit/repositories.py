"""Git repositories for tests: real ones, made by git without the developer's own configuration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HARMLESS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def git(directory: Path, *arguments: str) -> str:
    """What git answers."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | HARMLESS
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


def repository(directory: Path, *options: str) -> Path:
    """An empty one."""
    directory.mkdir(exist_ok=True)
    git(directory, "init", "--quiet", "--initial-branch=main", *options)
    return directory


def commit(directory: Path, **files: str) -> str:
    """Write files, by their names with _ for a dot, and commit all that is there; the id of the commit."""
    for name, content in files.items():
        (directory / name.replace("_", ".")).write_text(content)
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", "x")
    return git(directory, "rev-parse", "HEAD")


def configure_hostile(directory: Path, trap: Path) -> None:
    """Name a program that leaves a mark at every place of the configuration and the attributes that can name one."""
    program = directory / ".git" / "evil"
    program.write_text(f"#!/bin/sh\necho ran >> '{trap}'\ncat\n")
    program.chmod(0o755)
    for key in (
        *("core.fsmonitor", "core.sshCommand", "core.gitProxy", "core.pager", "core.editor", "core.askPass"),
        *("diff.external", "diff.evil.command", "diff.evil.textconv", "merge.evil.driver", "gpg.program"),
        *("filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "pager.ls-tree", "pager.ls-files"),
        *("alias.ls-tree", "alias.ls-files", "alias.rev-parse", "uploadpack.packObjectsHook", "credential.helper"),
        *("remote.origin.uploadpack", "remote.origin.vcs", "core.alternateRefsCommand"),
    ):
        git(directory, "config", key, f"!{program}" if key.startswith("alias.") else str(program))
    git(directory, "config", "filter.evil.required", "true")
    git(directory, "config", "core.hooksPath", str(directory / ".git" / "hooks"))
    git(directory, "config", "core.untrackedCache", "true")
    git(directory, "config", "submodule.recurse", "true")
    git(directory, "config", "remote.origin.url", str(directory))
    for hook in ("fsmonitor-watchman", "post-index-change", "reference-transaction", "post-checkout", "pre-commit"):
        (directory / ".git" / "hooks" / hook).write_text(program.read_text())
        (directory / ".git" / "hooks" / hook).chmod(0o755)
    (directory / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n")


needs_git = pytest.mark.skipif(not any(Path(p, "git").exists() for p in os.get_exec_path()), reason="git is not here")
