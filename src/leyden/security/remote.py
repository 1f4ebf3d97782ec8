"""Addresses of remote files: what they may look like, and which of them the program's code has allowed.

Nothing here comes out of a file. A URL is followed where it stands in the arguments of a call, and only beneath a place
that ``allow`` has named before.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, Final, TypeAlias, final

from leyden.errors import PathError, RemoteError, SettingsError
from leyden.security.redact import redact_text

_log: Final = logging.getLogger("leyden.security")

LARGEST: Final = 64 << 30  # bytes of one file, unless the program says otherwise

# Compiled when they are first needed, since few programs need them.
_URL: Final = r"([A-Za-z][A-Za-z0-9+.-]+)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?"
_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = rf"{_LABEL}(\.{_LABEL}){{0,30}}(:(?P<port>[0-9]{{1,5}}))?"
_IPV6: Final = r"\[[0-9A-Fa-f:.]{2,45}\](:(?P<port>[0-9]{1,5}))?"
_DIGEST: Final = r"sha256=([0-9a-f]{64})"
_LOST_SLASH: Final = r"[A-Za-z][A-Za-z0-9+.-]+:"
_LOCAL: Final = ("file", "local")
_IN_PROCESS: Final = "memory"  # fsspec's file system in the memory of this process, which reaches nothing else
HTTPS: Final = "https"

_REFUSED: Final = {
    "http": "anybody on the way can read and change what comes over it; use https",
    "ftp": "anybody on the way can read and change what comes over it; use https",
    **dict.fromkeys(
        ("simplecache", "filecache", "blockcache", "cached", "zip", "tar", "libarchive", "dir", "reference", "generic"),
        "it leads to another file; name that one itself",
    ),
    "data": "it is the content itself",
}


@final
@dataclass(frozen=True)
class Remote:
    """A remote file or directory. As text it has neither query nor digest, so it can be shown."""

    scheme: str
    host: str  # or bucket
    path: str  # without slashes at its ends; "" for the whole of a bucket
    sha256: str | None = None  # what the file has to be
    query: str = field(default="", repr=False)  # may be a signature that opens the file

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}" + (f"/{self.path}" if self.path else "")

    def child(self, name: str) -> Remote:
        """What lies under a relative name. PathError if the name would lead elsewhere."""
        parts = name.split("/")
        if not all(parts) or {".", ".."} & {*parts} or {"?", "#"} & {*name} or _odd(name):
            raise PathError(f"{name!r} is not the name of a file beneath {self}.")
        return Remote(self.scheme, self.host, f"{self.path}/{name}" if self.path else name)

    def name_of(self, other: Remote) -> str | None:
        """The name of ``other`` relative to this directory; None if it does not lie beneath it."""
        start = f"{self}/"
        return str(other).removeprefix(start) if str(other).startswith(start) else None


Place: TypeAlias = "Path | Remote"


@final
@dataclass(frozen=True)
class Allowed:
    """A place that the program has allowed, and how it is reached."""

    place: Remote
    largest: int
    private: bool
    options: Mapping[str, Any] = field(repr=False, hash=False)  # may hold credentials


_ALLOWED: Final[dict[str, Allowed]] = {}
_LOCK: Final = threading.Lock()


def allow(url: str, *, largest: int = LARGEST, private: bool = False, options: Mapping[str, Any] | None = None) -> None:
    """Let checkpoints be read from and written to one place, such as ``s3://my-bucket`` or ``https://models.example``.

    It counts for everything beneath the place, in this process. Which file of it is read is still said in code: an
    address in a file, a checkpoint or a record of a run is never followed.

    Args:
        url: a scheme and a host or bucket, and perhaps a directory in it.
        largest: bytes that one file may have.
        private: the server is this machine or stands in a private network. Else such addresses are refused.
        options: for ``https``, ``cafile``, the certificates that the server's is checked with; for others, what fsspec
            takes for this scheme, where a value may be a Secret.

    Raises:
        RemoteError: this is not the address of a place that could be allowed.
    """
    place = parse(url)
    if not isinstance(place, Remote):
        raise RemoteError(f"{redact_text(url)!r} is a local place, and these need no leave.")
    if place.query or place.sha256:
        raise RemoteError(f"{place}: a place is allowed without a query and a digest. They belong to a single file.")
    given = dict(options or {})
    if place.scheme == HTTPS and (given.keys() - {"cafile"} or not Path(given.get("cafile", __file__)).is_file()):
        raise RemoteError(f"{place}: options for https is {{'cafile': a file of certificates}} and nothing else.")
    with _LOCK:
        _ALLOWED[str(place)] = Allowed(place, largest, private, MappingProxyType(given))
    _log.info("Checkpoints may be read from and written to %s.", place)


def allowed(remote: Remote) -> Allowed:
    """How a file is reached, by the nearest place around it that was allowed.

    Raises:
        RemoteError: none was.
    """
    with _LOCK:
        around = [one for one in _ALLOWED.values() if one.place == _bare(remote) or one.place.name_of(remote)]
    if around:
        return max(around, key=lambda one: len(str(one.place)))
    if remote.scheme == _IN_PROCESS:
        return Allowed(remote, LARGEST, private=False, options={})
    raise RemoteError(
        f"{remote} is remote, and nobody has allowed that. If you know the place, say so once in your program: "
        f"leyden.allow_remote({f'{remote.scheme}://{remote.host}'!r})."
    )


def is_url(given: object) -> bool:
    """Is this an address rather than a path?"""
    return isinstance(given, str) and "://" in given[2:]  # not a drive of Windows


def place_of(given: str | os.PathLike[str], *, expand: bool = False) -> Place:
    """What an argument names: a path, or a remote place that was allowed. ``expand`` makes ``~`` the user's home.

    Raises:
        RemoteError: an address that is not allowed.
        SettingsError: a path that was an address.
    """
    if isinstance(given, str) and is_url(given):
        place = parse(given)
        if isinstance(place, Remote):
            allowed(place)
        return place
    path = Path(given)
    if isinstance(given, PurePath) and len(path.parts) > 1 and re.fullmatch(_LOST_SLASH, path.parts[0]):
        raise SettingsError(
            f"{path.parts[0]}/… was an address before it became a pathlib.Path, which keeps one slash only. Give it as "
            "a str."
        )
    return path.expanduser() if expand else path


def parse(url: str) -> Place:
    """An address in parts; a path for one that is local.

    Raises:
        RemoteError: it cannot be used, be it allowed or not.
    """
    shown = redact_text(url)[:200]
    parts = re.fullmatch(_URL, url)
    if parts is None or _odd(url):
        raise RemoteError(f"{shown!r} is no address that can be used. Write scheme://host/path.")
    scheme, host, path, query, fragment = parts[1].lower(), *parts.groups(default="")[1:]
    if scheme in _LOCAL:
        if host not in ("", "localhost") or query or fragment:
            raise RemoteError(f"{shown!r} names no file of this machine. Give the path alone.")
        return Path(path)
    if scheme in _REFUSED:
        raise RemoteError(f"{shown!r}: {scheme}:// is not followed: {_REFUSED[scheme]}.")
    if "@" in host:
        raise RemoteError(f"{shown!r} has a user in it. Give credentials with leyden.allow_remote(..., options=...).")
    named = re.fullmatch(_HOST, host) or (re.fullmatch(_IPV6, host) if scheme == HTTPS else None)
    if named is None or int(named["port"] or 443) not in range(1, 65536):
        raise RemoteError(f"{shown!r} has no host or bucket of letters and digits.")
    if query and scheme != HTTPS:
        raise RemoteError(f"{shown!r} has a query, which means nothing to {scheme}://. Leave it out.")
    digest = re.fullmatch(_DIGEST, fragment)
    if fragment and digest is None:
        raise RemoteError(f"{shown!r}: after # stands the digest of the file, as in #sha256=64 hexadecimal digits.")
    inner = path.removeprefix("/").removesuffix("/")
    if inner and (not all(names := inner.split("/")) or {".", ".."} & {*names}):
        raise RemoteError(f"{shown!r} has a part that is empty or made of dots. Write the path as it is.")
    return Remote(scheme, host.lower() if scheme == HTTPS else host, inner, digest and digest[1], query)


def _bare(remote: Remote) -> Remote:
    return Remote(remote.scheme, remote.host, remote.path)


def _odd(text: str) -> bool:
    """Characters that mean something else on another system or in a terminal."""
    return "\\" in text or not text.isprintable()
