"""What git knows of a project, asked so that nothing of the project runs: neither its hooks nor its configuration.

Only commands that convert no file are used: those that do, such as ``git diff`` and ``git status``, run the filters
that the project's own configuration names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from threading import Timer
from typing import Final

from leyden.audit.walk import beneath
from leyden.errors import GitError

LARGEST: Final = 64 << 20  # bytes of an answer: few bytes of a repository can stand for any number of files
SECONDS: Final = 60.0
_ID: Final = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ALWAYS: Final = (
    "--no-pager",
    "--no-replace-objects",
    "--literal-pathspecs",
    *("-c", "core.fsmonitor=false"),  # it names a program
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.untrackedCache=false"),
    *("-c", "safe.bareRepository=explicit"),  # a directory among the files that looks like a repository is none
)
# An object that is missing would be fetched by the program that the configuration names.
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


class NoAnswerError(GitError):
    """Git is there, and what it was asked does not work."""


def revision(directory: str) -> str:
    """The commit that a directory stands at, or nothing where it is in no repository that git reads."""
    try:
        return commit(directory, "HEAD")
    except GitError:
        return ""


def commit(directory: str, name: str) -> str:
    """The whole id of a commit; GitError where there is none of that name."""
    if name.startswith("-") or "\0" in name:
        raise GitError(f"{name[:80]!r} is not the name of a commit.")
    try:
        answer = ask(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except NoAnswerError:
        answer = b""
    found = _ID.fullmatch(answer.strip())
    if found is None:
        raise GitError(f"Git knows no commit {name[:80]!r} in {directory}. Of a shallow clone, fetch more first.")
    return found[0].decode("ascii")


def ask(directory: str, *arguments: str) -> bytes:
    """What a git command answers in a directory; GitError where it fails, takes too long or says too much."""
    command = [_program(directory), *_ALWAYS, "-C", directory, *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _ENVIRONMENT
    with subprocess.Popen(  # noqa: S603 - git itself, with arguments that are no options
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        timer = Timer(SECONDS, process.kill)
        timer.start()
        try:
            answer = process.stdout.read(LARGEST + 1)
            if len(answer) > LARGEST:
                raise GitError(f"`git {arguments[0]}` says over {LARGEST:,} bytes about {directory}, the limit.")
            code = process.wait()
        finally:
            timer.cancel()
            process.kill()
    if code:
        raise NoAnswerError(f"`git {arguments[0]}` did not work in {directory} (exit code {code}).")
    return answer


def _program(directory: str) -> str:
    """The path of git; what is called so among the project's own files is not it."""
    found = shutil.which("git")
    if found is None:
        raise GitError("The program git is not installed, or not on the PATH.")
    if beneath(os.path.realpath(found), os.path.realpath(directory)):
        raise GitError(f"{found} lies in the project that is audited, so it is not run. Take it off the PATH.")
    return found
