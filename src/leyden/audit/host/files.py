"""Files that hold secrets or weights, and others who can reach them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from leyden.audit.artifacts.suffixes import is_model_name
from leyden.audit.finding import Finding, Place
from leyden.audit.rules.engine import UNREADABLE
from leyden.audit.rules.host import CREDENTIALS_OPEN, KEY_OPEN, READABLE_MODELS, TEMPORARY_OPEN
from leyden.audit.walk import Found, Walk, reason

# Where well-known programs keep passwords and tokens in a home directory.
_CREDENTIALS: Final = (
    ".netrc",
    ".pypirc",
    ".git-credentials",
    ".aws/credentials",
    ".cache/huggingface/token",
    ".cache/huggingface/stored_tokens",
    ".huggingface/token",
    ".comet.config",
    ".config/gcloud/application_default_credentials.json",
    ".config/wandb/settings",
    ".databrickscfg",
    ".docker/config.json",
    ".kaggle/kaggle.json",
    ".mlflow/credentials",
)


@final
@dataclass(frozen=True)
class Private:
    """A file or directory that its owner alone may write; a secret one nobody else may read either."""

    path: Path
    what: str
    secret: bool = True


def keys(private: Iterable[Private], user: int) -> Iterator[Finding]:
    """Keys, and the directories that they lie in, that others can reach."""
    for one in private:
        try:
            status = one.path.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            yield UNREADABLE.at(Place(str(one.path)), f"Who can reach {one.what} is not known: {reason(error)}.")
            continue
        open_to = 0o077 if one.secret else 0o022
        # Orchestrators mount secrets as root's, for a group to read.
        if status.st_uid == 0 and user != 0 and stat.S_ISREG(status.st_mode):
            open_to &= 0o037
        mode = stat.S_IMODE(status.st_mode)
        if status.st_uid not in (user, 0):
            yield KEY_OPEN.at(
                Place(str(one.path)), f"{one.what} belongs to another user ({status.st_uid}).", key="owner"
            )
        elif mode & open_to:
            text = f"Others than its owner can reach {one.what} (mode {mode:04o})."
            yield KEY_OPEN.at(Place(str(one.path)), text, key="mode")


def credentials(home: Path, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Files of passwords and tokens that everybody can read, or others write."""
    places = [home / name for name in _CREDENTIALS]
    if folder := environment.get("HF_HOME"):
        places.append(Path(folder) / "token")
    for path in places:
        try:
            mode = path.stat().st_mode
        except OSError:  # there is none, or it is not this user's to read
            continue
        if mode & stat.S_IROTH and _reachable(path):
            text = f"Everybody on this machine can read it (mode {stat.S_IMODE(mode):04o})."
            yield CREDENTIALS_OPEN.at(Place(str(path)), text, key="read")


def models(paths: Sequence[str]) -> Iterator[Finding]:
    """Model files that everybody can read: one finding for all."""
    found: dict[str, int] = {}
    for one in Walk(tuple(paths), own=os.path.realpath(os.curdir)):
        if isinstance(one, Found) and is_model_name(os.path.basename(one.path).lower()) and _is_readable(one.path):  # noqa: PTH119
            folder = os.path.dirname(one.path) or os.curdir  # noqa: PTH120
            found[folder] = found.get(folder, 0) + 1
    open_to_all = {folder: count for folder, count in found.items() if _reachable(Path(folder).resolve() / "x")}
    if open_to_all:
        first, count = next(iter(open_to_all)), sum(open_to_all.values())
        where = f"in {len(open_to_all):,} directories, such as this one" if len(open_to_all) > 1 else "here"
        text = f"Everybody on this machine can read {count:,} model files {where}."
        yield READABLE_MODELS.at(Place(first), text, key="read")


def temporary_directory(environment: Mapping[str, str]) -> Path:
    """Where programs put temporary files. The module tempfile would write one to find it out."""
    named = (environment[name] for name in ("TMPDIR", "TEMP", "TMP") if environment.get(name))
    return Path(next(named, "/tmp" if os.name == "posix" else os.curdir))  # noqa: S108


def temporary(folder: Path) -> Iterator[Finding]:
    """A directory for temporary files in which others can replace them."""
    try:
        mode = folder.stat().st_mode
    except OSError as error:
        yield UNREADABLE.at(Place(str(folder)), f"The directory for temporary files cannot be used: {reason(error)}.")
        return
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        text = f"Everybody may replace files in it (mode {stat.S_IMODE(mode):04o})."
        yield TEMPORARY_OPEN.at(Place(str(folder)), text, key="temporary")


def _is_readable(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & stat.S_IROTH)  # noqa: PTH116
    except OSError:
        return False


def _reachable(path: Path) -> bool:
    """Whether everybody may pass all directories on the way."""
    try:
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
    except OSError:
        return False
