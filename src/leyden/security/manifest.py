"""What data a run is trained on: the digest of every file beneath a path, and one digest of them all."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, final

from leyden.errors import DataError, FormatError, KeyStoreError, PathError
from leyden.security.keys import home
from leyden.security.paths import private_directory, read_regular, replacing
from leyden.wire import strict_json
from leyden.wire.strict_json import Json

_PURPOSE: Final = b"leyden.data.1\0"
_MANIFESTS: Final = "manifests"
_CACHE: Final = "digests"
_LARGEST: Final = 1 << 30  # bytes of a manifest or a cache: some million files
_MOST_VALUES: Final = 1 << 26
_CHUNK: Final = 1 << 20
_SETTLED: Final = 2_000_000_000  # nanoseconds: a file may change once more within one tick of its file system's clock
_NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@final
@dataclass(frozen=True)
class Manifest:
    """The files beneath a path, each by its relative name with slashes; ``.`` for a path that is one file.

    ``files`` has the size and the SHA-256 of each. ``links`` has what the links say that lead from one place beneath
    the path to another. ``digest`` is the SHA-256 of all of that: it is the same wherever the path lies.
    """

    files: Mapping[str, tuple[int, str]]
    links: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(_PURPOSE + self.to_json().encode()).hexdigest()

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(size for size, _ in self.files.values())

    def to_json(self) -> str:
        """The manifest as text, the same for the same data."""
        files: Json = [[name, *self.files[name]] for name in sorted(self.files)]
        links: Json = [[name, self.links[name]] for name in sorted(self.links)]
        return strict_json.dumps({"files": files, "links": links})

    def differences(self, now: Manifest) -> list[str]:
        """What has changed since, one line for each file."""
        before = {**self.files, **{name: (-1, target) for name, target in self.links.items()}}
        after = {**now.files, **{name: (-1, target) for name, target in now.links.items()}}
        told = []
        for name in sorted(before.keys() | after.keys()):
            if name not in after:
                told.append(f"{name} is gone")
            elif name not in before:
                told.append(f"{name} is new")
            elif before[name] != after[name]:
                told.append(f"{name} is another")
        return told


def manifest(path: str | os.PathLike[str], *, cached: bool = True) -> Manifest:
    """The digests of all files beneath ``path``, which several threads make.

    Those of an earlier call are taken for files of which size, inode, device and both times, of the content and of
    the entry, are the same to the nanosecond. Who may set a machine's clock or write to its disks directly can change
    a file under them: ``cached=False`` reads all files.

    Raises:
        PathError: a link leads out of ``path``, or there is something that is neither file, directory nor link.
        DataError: a file changed while it was read.
        OSError: something cannot be read.
    """
    root = Path(path)
    files, links = _walk(root)
    known = _read_cache(root) if cached else {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing releases the interpreter's lock
        found = dict(zip(files, pool.map(lambda name: _entry(root, name, known), files), strict=True))
    made = Manifest({name: (one.size, one.sha256) for name, one in found.items()}, links)
    with suppress(KeyStoreError, OSError):  # nothing can be kept: the next call takes longer
        _keep(root, made, found)
    return made


def load(digest: str) -> Manifest | None:
    """The manifest with this digest, if one was made on this machine; FormatError where it was changed since."""
    path = home() / _MANIFESTS / f"{int(digest, 16):064x}.json"
    if not path.exists():
        return None
    found = parse(read_regular(path, _LARGEST), str(path))
    if found.digest != digest:
        raise FormatError(f"{path} is not the manifest that it was. Remove it, and make it again.")
    return found


def parse(content: bytes, where: str) -> Manifest:
    """The manifest in a text; FormatError where it is malformed."""
    with suppress(UnicodeDecodeError):
        match strict_json.loads(content.decode("ascii"), depth=3, values=_MOST_VALUES, what=where):
            case {"files": list(files), "links": list(links), **others} if not others:
                return Manifest(dict(map(_file, files)), dict(map(_link, links)))
            case _:
                pass
    raise FormatError(f"{where} is no manifest of data.")


def _file(row: Json) -> tuple[str, tuple[int, str]]:
    match row:
        case [str(name), int(size), str(digest)]:
            return name, (size, digest)
        case _:
            raise FormatError(f"A manifest says of a file {str(row)[:80]!r}, which is no name, size and digest.")


def _link(row: Json) -> tuple[str, str]:
    match row:
        case [str(name), str(target)]:
            return name, target
        case _:
            raise FormatError(f"A manifest says of a link {str(row)[:80]!r}, which is no name and target.")


@final
@dataclass(frozen=True)
class _Found:
    """A file that was looked at: what tells it from a later one, and its digest."""

    size: int
    changed: int  # the later of its two times, in nanoseconds
    key: tuple[int, ...]
    sha256: str


def _walk(root: Path) -> tuple[list[str], dict[str, str]]:
    status = root.stat()
    if stat.S_ISREG(status.st_mode):
        return ["."], {}
    if not stat.S_ISDIR(status.st_mode):
        raise PathError(f"{root} is neither a file nor a directory. Name the directory of the data.")
    real = os.path.realpath(root)
    files: list[str] = []
    links: dict[str, str] = {}
    for entry, name in _entries(root):
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if not Path(target).is_relative_to(real):
                raise PathError(
                    f"{entry.path} is a link that leads out of {root}, so the manifest would not cover what it leads "
                    "to. Make a manifest of that place, or copy it here."
                )
            links[name] = os.readlink(entry.path)  # noqa: PTH115
        elif entry.is_file(follow_symlinks=False):
            files.append(name)
        else:
            raise PathError(f"{entry.path} is neither a file, a directory nor a link. Remove it.")
    return files, links


def _entries(root: Path) -> Iterator[tuple[os.DirEntry[str], str]]:
    folders = [(str(root), "")]
    while folders:
        folder, prefix = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append((entry.path, f"{prefix}{entry.name}/"))
                else:
                    yield entry, prefix + entry.name


def _entry(root: Path, name: str, known: Mapping[str, _Found]) -> _Found:
    path = root if name == "." else root / name
    # The root may be a link, since the caller named it; what lies beneath it was none a moment ago.
    descriptor = os.open(path.resolve() if name == "." else path, os.O_RDONLY | _NO_FOLLOW)
    try:
        before = os.fstat(descriptor)
        key = _key(before)
        if name in known and known[name].key == key:
            return known[name]
        content = hashlib.sha256()
        buffer = memoryview(bytearray(min(_CHUNK, before.st_size + 1)))
        with open(descriptor, "rb", buffering=0, closefd=False) as stream:
            while count := stream.readinto(buffer):
                content.update(buffer[:count])
        if _key(os.fstat(descriptor)) != key:
            raise DataError(f"{path} changed while it was read. Make the manifest when nobody writes to the data.")
        return _Found(before.st_size, max(before.st_mtime_ns, before.st_ctime_ns), key, content.hexdigest())
    finally:
        os.close(descriptor)


def _key(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev


def _cache_of(root: Path) -> Path:
    place = os.fsencode(os.path.realpath(root))
    return home() / _CACHE / f"{hashlib.sha256(place).hexdigest()}.json"


def _read_cache(root: Path) -> dict[str, _Found]:
    """What an earlier call found; nothing where it cannot be read, which costs time alone."""
    try:
        path = _cache_of(root)
        rows = strict_json.loads(
            read_regular(path, _LARGEST).decode("ascii"), depth=2, values=_MOST_VALUES, what=str(path)
        )
    except (KeyStoreError, OSError, FormatError, UnicodeDecodeError):
        return {}
    found: dict[str, _Found] = {}
    for row in rows if isinstance(rows, list) else []:
        match row:
            case [str(name), str(digest), int(size), int(modified), int(changed), int(inode), int(device)]:
                key = (size, modified, changed, inode, device)
                found[name] = _Found(size, max(modified, changed), key, digest)
            case _:
                return {}
    return found


def _keep(root: Path, made: Manifest, found: Mapping[str, _Found]) -> None:
    latest = time.time_ns() - _SETTLED
    rows: list[Json] = [[name, one.sha256, *one.key] for name, one in found.items() if one.changed < latest]
    cache = _cache_of(root)
    kept = home() / _MANIFESTS / f"{made.digest}.json"
    for path, text in ((cache, strict_json.dumps(rows)), (kept, made.to_json())):
        private_directory(path.parent)
        with replacing(path) as stream:
            stream.write(text.encode())
