"""Tar archives: names that lead out of them, and their members one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from leyden.audit.artifacts.kinds import is_tar, tar_number
from leyden.audit.artifacts.paths import escapes
from leyden.audit.finding import Artifact, File, Reader, Record
from leyden.audit.rules.artifacts import CONTAINER, ESCAPES, LEGACY_TAR, ODD_CONTAINER, OPAQUE
from leyden.audit.rules.engine import DAMAGED

_BLOCK: Final = 512
_STEP: Final = 1 << 20
MOST_MEMBERS: Final = 500_000
_LONGEST_NAME: Final = 1 << 16
_TORCH: Final = frozenset(("pickle", "storages", "tensors"))
_FILES: Final = frozenset((b"0", b"\0", b"7"))
_LINKS: Final = frozenset((b"1", b"2"))
_SPARSE: Final = b"S"
_DEVICES: Final = frozenset((b"3", b"4", b"6"))


@final
@dataclass(frozen=True)
class _Member:
    name: str
    kind: bytes
    link: str
    start: int
    size: int


def read_tar(file: File, inner: Reader) -> Iterator[Record]:
    """A tar archive; ``inner`` looks at its members."""
    problems: list[str] = []
    members = list(_members(file, problems))
    names = {member.name.removeprefix("./") for member in members}
    legacy = names >= _TORCH
    yield Artifact(file.place, "torch-tar" if legacy else "tar", len(file.data))
    if legacy:
        yield LEGACY_TAR.at(file.place, "It has the members pickle, storages and tensors.", key="tar")
    for problem in problems:
        yield DAMAGED.at(file.place, f"The tar archive cannot be read to its end: {problem}.", key="tar")
    seen: set[str] = set()
    for member in members:
        file.budget.take()
        name = member.name[:200]
        if escapes(member.name) or (member.kind in _LINKS and escapes(member.link)):
            target = f" which is a link to {member.link[:200]!r}" if member.kind in _LINKS else ""
            yield ESCAPES.at(file.place, f"The tar archive has a member {name!r}{target}.", key=name)
        elif member.kind == _SPARSE:
            message = f"The member {name!r} is stored without its empty parts, and was not put together."
            yield OPAQUE.at(file.place, message, key=name)
        elif member.kind in _DEVICES:
            yield ODD_CONTAINER.at(file.place, f"The tar archive has a device or pipe {name!r}.", key=name)
        elif member.kind not in _FILES | _LINKS | {b"5"}:
            yield ODD_CONTAINER.at(file.place, f"The tar archive has a member of unknown kind {name!r}.", key=name)
        if member.kind not in _FILES:
            continue
        if member.name in seen:
            yield CONTAINER.at(file.place, f"The tar archive has several members {name!r}.", key=f"twice {name}")
        seen.add(member.name)
        yield from inner(file.member(member.name, file.data[member.start : member.start + member.size]))


def _members(file: File, problems: list[str]) -> Iterator[_Member]:
    data = file.data
    at = count = 0
    override: dict[str, str] = {}
    while at + _BLOCK <= len(data):
        block = bytes(data[at : at + _BLOCK])
        if not block.strip(b"\0"):
            after = _used(data, at)
            if after is None:
                return
            problems.append(f"it goes on at byte {after:,}, after its end")
            at = after
            continue
        if not is_tar(block):
            problems.append(f"there is no header at byte {at:,}")
            return
        kind = block[156:157]
        size = tar_number(block[124:136]) or 0
        start = at + _BLOCK
        if "size" in override and override["size"].isdigit():
            size = int(override["size"][:18])
        if size < 0 or start + size > len(data):
            problems.append(f"the member at byte {at:,} goes beyond the end")
            size = max(0, len(data) - start)
        at = start + (size + _BLOCK - 1) // _BLOCK * _BLOCK
        if kind in (b"L", b"K", b"x", b"g", b"X"):
            override |= _override(kind, bytes(data[start : start + min(size, _LONGEST_NAME)]))
            continue
        name = _text(block[:100])
        if block[257:262] == b"ustar" and block[345] and block[263:265] == b"00":
            name = f"{_text(block[345:500])}/{name}"
        kind = _SPARSE if "sparse" in override else kind
        yield _Member(override.get("path", name), kind, override.get("linkpath", _text(block[157:257])), start, size)
        override = {}
        count += 1
        if count > MOST_MEMBERS:
            problems.append(f"it has over {MOST_MEMBERS:,} members, the limit")
            return


def _used(data: memoryview, at: int) -> int | None:
    """The first block from ``at`` on that is not empty."""
    while at < len(data):
        part = bytes(data[at : at + _STEP])
        used = len(part) - len(part.lstrip(b"\0"))
        if used < len(part):
            return at + used // _BLOCK * _BLOCK
        at += _STEP
    return None


def _override(kind: bytes, content: bytes) -> dict[str, str]:
    """Names and sizes that stand before the header that they are for."""
    if kind in (b"L", b"K"):
        return {"path" if kind == b"L" else "linkpath": _text(content)}
    found = {}
    while content:
        digits, _, _ = content.partition(b" ")
        if not digits.isdigit() or len(digits) > 6 or not 0 < int(digits) <= len(content):
            break
        key, _, value = content[len(digits) + 1 : int(digits) - 1].partition(b"=")
        found[_text(key)] = _text(value)
        content = content[int(digits) :]
    known = {key: value for key, value in found.items() if key in ("path", "linkpath", "size")}
    return known | ({"sparse": "yes"} if any(key.startswith("GNU.sparse.") for key in found) else {})


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")
