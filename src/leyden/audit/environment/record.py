"""RECORD: the list of a distribution's files with their digests, and how far the files still are what it says."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from leyden.audit.environment.distributions import Distribution
from leyden.audit.environment.places import Environment
from leyden.audit.opening import SpecialError, head, regular
from leyden.errors import FormatError

MOST_BYTES: Final = 64 << 20  # of a RECORD; torch's has 2 MB
LARGEST_HASHED: Final = 4 << 20  # larger files are shared objects, which take most of the time
_ALGORITHMS: Final = ("sha256", "sha384", "sha512")
_PART: Final = 1 << 20
_LONGEST: Final = 4096  # characters of a path


@final
@dataclass(frozen=True)
class Entry:
    """A file that RECORD lists; ``path`` is where it lies, and is empty if that is not in the environment."""

    named: str
    path: str
    digest: str
    size: int | None


@final
@dataclass(frozen=True)
class Difference:
    """A file that is not what RECORD says: ``missing``, ``unread``, or ``changed`` where its content differs."""

    entry: Entry
    what: str
    found: str = ""  # the digest, or the size, of what is there now


def entries(distribution: Distribution, environment: Environment) -> Iterator[Entry] | None:
    """What RECORD lists; None where there is none. FormatError, now or on the way, where it cannot be read."""
    path = os.path.join(distribution.info, "RECORD")  # noqa: PTH118
    try:
        content = head(path, MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(content) > MOST_BYTES:
        raise FormatError(f"it has over {MOST_BYTES:,} bytes, the limit")
    return _parsed(content, distribution.folder, environment)


def _parsed(content: bytes, folder: str, environment: Environment) -> Iterator[Entry]:
    try:
        for row in csv.reader(io.StringIO(content.decode("utf-8"), newline="")):
            if not row:
                continue
            if len(row) != 3 or not 0 < len(row[0]) <= _LONGEST or "\0" in row[0]:
                raise FormatError(f"it has a line that is no path, digest and size: {','.join(row)[:80]!r}")
            named, digest, size = row
            # By its words alone: a link on the way is followed, and yields nothing but a digest that does not fit.
            path = os.path.normpath(os.path.join(folder, named))  # noqa: PTH118
            yield Entry(named, path if environment.holds(path) else "", digest, _number(size))
    except (csv.Error, UnicodeDecodeError) as error:
        raise FormatError(f"it is no list of files: {error}") from None


def compare(entry: Entry, everything: bool) -> Difference | None:
    """How a file differs from its entry. A large one is compared by its size alone, unless ``everything`` is."""
    if not entry.path or not entry.digest:
        return None
    try:
        with regular(entry.path) as (descriptor, status):
            if entry.size is not None and entry.size != status.st_size:
                return Difference(entry, "changed", f"size {status.st_size}")
            if entry.size is not None and status.st_size > LARGEST_HASHED and not everything:
                return None
            return _hashed(entry, descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return Difference(entry, "missing")
    except (OSError, SpecialError):
        return Difference(entry, "unread")


def _hashed(entry: Entry, descriptor: int) -> Difference | None:
    algorithm, _, wanted = entry.digest.partition("=")
    if algorithm not in _ALGORITHMS:
        return Difference(entry, "unread")
    digest = hashlib.new(algorithm)
    while part := os.read(descriptor, _PART):
        digest.update(part)
    found = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode("ascii")
    # Some builders of wheels write hexadecimal digits.
    fits = wanted.rstrip("=") == found or wanted.lower() == digest.hexdigest()
    return None if fits else Difference(entry, "changed", found)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None
