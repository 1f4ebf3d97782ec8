"""What the runs of this user have saved, kept away from the checkpoints: one that was swapped or rolled back is found.

One file for each run, ``runs/HEX.jsonl`` beside the user's keys, with a line for each checkpoint in the order in which
they were committed. Each line holds the digest of the one before it and is signed, so that none can be changed, added
or taken out of the middle by anybody without the user's key. Who may write there can still take lines from the end.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from leyden.errors import FormatError, KeyStoreError
from leyden.security.keys import Standing, home, standing
from leyden.security.paths import lock, private_directory, read_regular
from leyden.security.remote import Place, Remote
from leyden.wire import strict_json
from leyden.wire.origin import Origin
from leyden.wire.seal import Signer, usable

PURPOSE: Final = b"leyden.record.1\0"  # a signature that was made for something else is none here
_RUNS: Final = "runs"
_RUN: Final = re.compile(r"[0-9a-f]{32}")
_LARGEST: Final = 256 << 20
_LONGEST_LINE: Final = 128 << 10
_FIRST: Final = "0" * 64
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@final
@dataclass(frozen=True)
class Entry:
    """A checkpoint that was committed: its number in the run, the digest of its header, and where it was written.

    Where a link to a checkpoint was made, it is an entry with the digest of that one. ``time`` is in nanoseconds since
    1970, by the clock of the machine.
    """

    number: int
    digest: str
    path: str
    time: int = 0


@final
@dataclass(frozen=True)
class _Line:
    """A line of a record. ``before`` is the SHA-256 of the line before it."""

    before: str
    entry: Entry
    public: bytes
    signature: bytes


def place(path: Place) -> str:
    """How a record names where a file lies: its directory may be reached by links, the file itself may be one."""
    return str(path) if isinstance(path, Remote) else str(path.parent.resolve() / path.name)


def may_follow(origin: Origin, run: str, entry: Entry) -> bool:
    """Whether a checkpoint of the user's that is in no record may have been written after an entry of ``run``.

    So it is where a process died before it could note what it had written, or the run went on elsewhere.
    """
    return (origin.run == run and origin.number > entry.number) or _nanoseconds(origin.time) > entry.time


def note(run: str, entry: Entry, signer: Signer, environment: Mapping[str, str] = os.environ) -> None:
    """Add a line; KeyStoreError where nothing can be kept, or where the line before it is not to be believed."""
    path = _path(run, environment)
    try:
        private_directory(path.parent)
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            lock(descriptor, wait=True)  # until it is closed: each line needs the one before it
            _append(descriptor, path, run, entry, signer, environment)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise KeyStoreError(f"No record of this run can be kept in {path}: {error.strerror or error}.") from None


def read(run: str, environment: Mapping[str, str] = os.environ) -> list[Entry] | None:
    """What this run has saved, the earliest first; None if this machine has no record of it.

    KeyStoreError where the record was changed by somebody else than the user.
    """
    path = _path(run, environment)
    try:
        content = read_regular(path, _LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise KeyStoreError(f"The record {path} cannot be read: {error.strerror or error}.") from None
    entries = []
    before, newest = _FIRST, None
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            break  # a process died while it wrote the line
        newest = _parse(line)
        if newest is None or newest.before != before:
            raise _changed(path, number)
        entries.append(newest.entry)
        before = hashlib.sha256(line).hexdigest()
    # Whoever added the last line had checked the one before it, and so on: the last signature stands for all.
    if newest is not None and not _is_signed(newest, run, environment):
        raise _changed(path, len(entries))
    return entries


def runs_at(path: Place, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The runs that have written to this place, or beneath it where it is a directory."""
    quoted = strict_json.dumps(place(path)).encode()
    beneath = strict_json.dumps(str(path.child("x") if isinstance(path, Remote) else path.resolve() / "x")).encode()[
        :-2
    ]
    found = []
    for file in _records(environment):
        try:
            content = read_regular(file, _LARGEST)
        except OSError as error:
            raise KeyStoreError(f"The record {file} cannot be read: {error.strerror or error}.") from None
        if quoted in content or beneath in content:
            found.append(file.stem)
    return found


def _nanoseconds(moment: str) -> int:
    """What a checkpoint says of its time, as an entry has it; 0 for what is none."""
    try:
        return int(datetime.fromisoformat(moment).timestamp() * 1_000_000_000)
    except (ValueError, OverflowError):
        return 0


def _records(environment: Mapping[str, str]) -> Iterator[Path]:
    folder = home(environment) / _RUNS
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise KeyStoreError(f"The records in {folder} cannot be read: {error.strerror or error}.") from None
    for name in names:
        if name.endswith(".jsonl") and _RUN.fullmatch(name.removesuffix(".jsonl")):
            yield folder / name


def _append(
    descriptor: int, path: Path, run: str, entry: Entry, signer: Signer, environment: Mapping[str, str]
) -> None:
    size = os.fstat(descriptor).st_size
    start = max(0, size - _LONGEST_LINE)
    os.lseek(descriptor, start, os.SEEK_SET)
    tail = os.read(descriptor, size - start)
    whole = tail[: tail.rfind(b"\n") + 1]
    if whole != tail:  # a process died while it wrote the line
        os.ftruncate(descriptor, start + len(whole))
    before = _FIRST
    if whole:
        last = whole[whole.rfind(b"\n", 0, -1) + 1 :]
        line = _parse(last)
        if line is None or not _is_signed(line, run, environment):
            raise _changed(path, None)
        before = hashlib.sha256(last).hexdigest()
    elif tail:
        raise _changed(path, None)
    stamped = Entry(entry.number, entry.digest, entry.path, entry.time or time.time_ns())
    signature = signer.sign(_signed_text(run, before, stamped))
    line_of = [*_members(before, stamped), signer.public.hex(), signature.hex()]
    os.write(descriptor, (strict_json.dumps(line_of) + "\n").encode())


def _parse(line: bytes) -> _Line | None:
    try:
        found = strict_json.loads(line.decode("ascii"), depth=1, values=16, what="The line")
        match found:
            case [str(before), int(number), str(digest), str(where), int(moment), str(public), str(signature)]:
                entry = Entry(number, digest, where, moment)
                return _Line(before, entry, bytes.fromhex(public), bytes.fromhex(signature))
            case _:
                return None
    except (FormatError, ValueError):
        return None


def _is_signed(line: _Line, run: str, environment: Mapping[str, str]) -> bool:
    if not usable(line.public) or standing(line.public, environment) not in (Standing.OWN, Standing.TRUSTED):
        return False
    try:
        text = _signed_text(run, line.before, line.entry)
        Ed25519PublicKey.from_public_bytes(line.public).verify(line.signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed_text(run: str, before: str, entry: Entry) -> bytes:
    return PURPOSE + strict_json.dumps([run, *_members(before, entry)]).encode()


def _members(before: str, entry: Entry) -> list[strict_json.Json]:
    return [before, entry.number, entry.digest, entry.path, entry.time]


def _changed(path: Path, line: int | None) -> KeyStoreError:
    which = "its last line" if line is None else f"line {line}"
    return KeyStoreError(
        f"The record {path} was changed by somebody else: {which} is not as your key, or one that you trust, signed "
        "it. If you know why, delete the record; then this machine has none of the run."
    )


def _path(run: str, environment: Mapping[str, str]) -> Path:
    if not _RUN.fullmatch(run):  # it may come out of a file
        raise KeyStoreError(f"{run[:80]!r} is not the name of a run.")
    return home(environment) / _RUNS / f"{run}.jsonl"
