"""Zip archives: contradictions in them, and their members one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from leyden.audit.artifacts import torch_zip, unpack
from leyden.audit.artifacts.keras import read_config
from leyden.audit.artifacts.kinds import HEAD, Kind, identify
from leyden.audit.artifacts.paths import escapes
from leyden.audit.artifacts.streams import begins_as_pickle
from leyden.audit.artifacts.suffixes import is_model_name, may_be_pickle, suffix
from leyden.audit.finding import Artifact, File, LimitError, Reader, Record
from leyden.audit.rules.artifacts import CONTAINER, COSTS, ESCAPES, NATIVE_CODE, ODD_CONTAINER, OPAQUE
from leyden.audit.rules.engine import DAMAGED
from leyden.errors import FormatError
from leyden.wire.zip_parts import ENCRYPTED, END, Archive, Member, end_of, parse

MOST_ODDITIES: Final = 20
_BOMB_BYTES: Final = 16 << 20
_BOMB_RATIO: Final = 100
_SEVERAL: Final = 4096  # archives in one file


def read_zip(file: File, inner: Reader) -> Iterator[Record]:
    """A zip archive; ``inner`` looks at its members."""
    data = file.data
    end = end_of(data)
    if end is None:
        message = "It begins as a zip archive does and has no directory: it is cut short or damaged."
        yield DAMAGED.at(file.place, message, key="zip end")
        return
    try:
        archive = parse(data, end)
    except FormatError as error:
        yield DAMAGED.at(file.place, f"The zip archive cannot be read: {error}.", key="zip")
        return
    if archive.prefix and (parts := _parts(data)) is not None:
        for number, (start, stop) in enumerate(parts):
            file.budget.take()
            yield from read_zip(file.member(f"part {number}", data[start:stop]), inner)
        return
    if archive.prefix:
        archive.odd(0, f"{archive.prefix:,} bytes stand before its first member", grave=True)
    yield from _read_archive(file, archive, inner)


def _parts(data: memoryview) -> list[tuple[int, int]] | None:
    """The archives that a file of torch.distributed.checkpoint consists of; None where it is something else."""
    parts: list[tuple[int, int]] = []
    start = at = 0
    step = 1 << 24
    while start < len(data):
        while True:
            chunk = bytes(data[at : at + step])
            found = chunk.find(END)
            if found >= 0 or at + step >= len(data):
                break
            at += step - len(END)
        if found < 0:
            return None
        end = at + found
        stop = end + 22
        part = data[start:stop]
        if bytes(part[:4]) != b"PK\x03\x04" or stop > len(data) or len(parts) >= _SEVERAL:
            return None
        try:
            archive = parse(part, end - start)
        except FormatError:
            return None
        if archive.prefix:
            at = stop  # the four bytes were part of a tensor
            continue
        parts.append((start, stop))
        start = at = stop
    return parts


def _read_archive(file: File, archive: Archive, inner: Reader) -> Iterator[Record]:
    model = torch_zip.Model.of(archive.members)
    kind = "torch-zip" if model else "npz" if suffix(file.name) == ".npz" else "zip"
    is_model = model is not None or is_model_name(file.name)
    if model is not None and model.script:
        kind = "torchscript"
    names = {member.name for member in archive.members}
    is_keras = "config.json" in names and ("metadata.json" in names or suffix(file.name) == ".keras")
    if is_keras:
        kind, is_model = "keras", True
    # Only among models is what no program writes a sign of anything; a contradiction is one everywhere.
    for oddity in [oddity for oddity in archive.oddities if oddity.grave or is_model][:MOST_ODDITIES]:
        rule = CONTAINER if oddity.grave else ODD_CONTAINER
        yield rule.at(file.place.at_byte(oddity.at), f"The zip archive is odd: {oddity.text}.", key=oddity.text)
    yield from _judge_names(file, archive.members, model=is_model)
    skipped: set[str] = set()
    plain = Artifact(file.place, kind, len(file.data))
    if model is None:
        yield plain
    else:
        try:
            yield from torch_zip.read_model(file, model, skipped)
        except LimitError:  # an inventory names the file all the same
            yield _described(plain, model)
            raise
        yield _described(plain, model)
    for member in archive.members:
        if member.name in skipped or (member.name.endswith("/") and not member.size) or member.start == 0:
            continue
        file.budget.take()
        yield from _judge_member(file, member, is_model=is_model)
        if member.flags & ENCRYPTED or member.method not in (0, 8):
            continue
        try:
            yield from _read_member(file, member, inner, model=is_model, keras=is_keras)
        except FormatError as error:
            if type(error) is not FormatError:
                raise  # a limit of the whole file
            yield DAMAGED.at(file.place.within(member.name), f"The member cannot be read: {error}.", key="member")


def _described(plain: Artifact, model: torch_zip.Model) -> Artifact:
    return replace(plain, tensors=len(model.storages), parameters=model.numbers or None, dtypes=model.dtypes)


def _judge_names(file: File, members: list[Member], *, model: bool) -> Iterator[Record]:
    # torch finds members without regard to case.
    counted = Counter(member.name.casefold() if model else member.name for member in members)
    for name, count in counted.most_common(MOST_ODDITIES):
        if count > 1:
            message = f"The zip archive has {count} members of the name {name[:200]!r}."
            yield CONTAINER.at(file.place, message, key=f"twice {name[:200]}")
    for member in [member for member in members if escapes(member.name)][:MOST_ODDITIES]:
        message = f"The zip archive has a member {member.name[:200]!r}."
        yield ESCAPES.at(file.place, message, key=member.name[:200])


def _judge_member(file: File, member: Member, *, is_model: bool) -> Iterator[Record]:
    place = file.place.within(member.name)
    if member.flags & ENCRYPTED:
        yield OPAQUE.at(place, "The member is encrypted.", key="encrypted")
    elif member.method not in (0, 8):
        yield OPAQUE.at(place, f"The member is compressed by method {member.method} of zip.", key="method")
    elif is_model and is_bomb(member) and suffix(file.name) != ".npz":
        message = f"{member.packed:,} compressed bytes become {member.size:,} when the model is loaded."
        yield COSTS.at(place, message, key="bomb")


def is_bomb(member: Member) -> bool:
    """Whether unpacking takes far more than the file has."""
    return member.size > _BOMB_BYTES and member.size > _BOMB_RATIO * member.packed


def _read_member(file: File, member: Member, inner: Reader, *, model: bool, keras: bool) -> Iterator[Record]:
    packed = file.data[member.start : member.start + member.packed]
    name = member.name.replace("\\", "/").rpartition("/")[2].lower()
    head = bytes(packed[:HEAD] if member.method == 0 else unpack.inflate(packed, file.budget, HEAD))
    if member.link:
        if escapes(head.decode("utf-8", "backslashreplace")):
            message = f"The zip archive has a member {member.name[:200]!r} which is a link to {head[:200]!r}."
            yield ESCAPES.at(file.place, message, key=member.name[:200])
        return
    kind = identify(head, member.size, name)
    if kind is Kind.NATIVE:
        if model:
            yield NATIVE_CODE.at(file.place.within(member.name), "The member is a library or program.", key=member.name)
        return
    is_config = keras and name == "config.json"
    named = is_model_name(name) or may_be_pickle(name) or (model and not _is_text(name))
    if not (kind or is_config or named or begins_as_pickle(head)):
        return
    if member.method == 0:
        content = packed
    else:
        unpacked = unpack.undeflate(packed, file.budget)
        content = memoryview(unpacked.content)
        if unpacked.problem:
            message = f"The member cannot be unpacked to its end: {unpacked.problem}."
            yield DAMAGED.at(file.place.within(member.name), message, key="member")
        elif len(content) != member.size:
            message = f"The member has {len(content):,} bytes, and the archive says {member.size:,}."
            yield CONTAINER.at(file.place.within(member.name), message, key="size")
    yield from torch_zip.judge_checksum(file, member, content)
    opened = file.member(member.name, content)
    if is_config:
        yield from read_config(opened)
    else:
        yield from inner(opened)


def _is_text(name: str) -> bool:
    return suffix(name) in (".py", ".json", ".txt", ".md", ".yaml", ".debug_pkl") or name in (
        "version", "byteorder", ".format_version", ".storage_alignment", "serialization_id", "archive_format",
        "archive_version",
    )  # fmt: skip
