"""Files that are pickles, one or several in a row: plain ones, joblib's, and torch's before its zip format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from leyden.audit.artifacts import lightning
from leyden.audit.artifacts.joblib_arrays import array_end
from leyden.audit.artifacts.names import is_dangerous
from leyden.audit.artifacts.pickles import judge, read_pickle
from leyden.audit.finding import Artifact, File, Finding, Record, Severity
from leyden.audit.rules.artifacts import STORAGE, TRAILING
from leyden.wire.pickle.nodes import Kind, Pickle, Span
from leyden.wire.pickle.storages import ELEMENT_BYTES, Storage, storages

TORCH_MAGIC: Final = 0x1950A86A20F9469CFC6C
MOST_PICKLES: Final = 10_000  # in a row
_LARGEST_INTEGER: Final = 8
_IDENTIFIER = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*", re.ASCII)
# What a pickle without the first byte of newer protocols begins with.
_BEGINNINGS: Final = frozenset(b"(c)]}NIJKLMFGSTUVXPBC\x80\x82\x83\x84\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x95\x96\x97")


def read_pickles(file: File, first: Pickle | None = None) -> Iterator[Record]:
    """What is wrong with a file that is a pickle, or begins with one."""
    nested: list[Pickle] = []
    first = first or read_pickle(file, inline=array_end(file.data, nested))
    if first.value == TORCH_MAGIC and type(first.value) is int:
        yield from _read_torch(file, first)
        return
    yield Artifact(file.place, "pickle", len(file.data), properties={"protocol": str(first.protocol)})
    for pickle in (first, *nested):
        yield from examine(file, pickle)
    if ("joblib.numpy_pickle", "NumpyArrayWrapper") in first.names:
        yield from _plain_reading(file, [first, *nested])
    yield from lightning.read_checkpoint(file, first.value)
    if first.broken is None:
        yield from _rest(file, first.stop)


def examine(file: File, pickle: Pickle) -> Iterator[Finding]:
    """What is wrong with a pickle of ``file``, and with the files of torch in it: it holds tensors as such."""
    yield from judge(file, pickle)
    for at, content in pickle.nested:
        data = file.data[content.start : content.stop] if isinstance(content, Span) else content
        member = file.member(f"tensor at byte {at:,}", data)
        yield from (record for record in read_pickles(member) if isinstance(record, Finding))


def _plain_reading(file: File, joblib: list[Pickle]) -> Iterator[Finding]:
    """What pickle.load would do with joblib's file: it takes the bytes of the arrays for operations."""
    plain = read_pickle(file)
    known = {event.name for pickle in joblib for event in pickle.events}
    if any(e.kind in (Kind.FETCH, Kind.EXTENSION, Kind.COMPUTED) and e.name not in known for e in plain.events):
        yield from examine(file, plain)


def _rest(file: File, stop: int) -> Iterator[Record]:
    """What follows the first pickle."""
    end = len(file.data)
    number = 1
    findings: list[Finding] = []
    start = stop
    while stop < end and number <= MOST_PICKLES:
        pickle = read_pickle(file, stop)
        if pickle.broken is not None and not (
            pickle.names or any(e.kind is not Kind.PERSISTENT for e in pickle.events)
        ):
            break
        findings += examine(file, pickle)
        number += 1
        stop = pickle.stop
        if pickle.broken is not None:
            break
    if start == end:
        return
    place = file.place.at_byte(start)
    if number > 1:
        message = f"{number - 1} more pickle{'s' if number > 2 else ''} after the first one."
        clean = not findings and stop == end
        yield TRAILING.at(place, message, severity=Severity.LOW if clean else Severity.HIGH, key="pickles")
        yield from findings
    if stop < end and not findings:
        yield TRAILING.at(file.place.at_byte(stop), f"{end - stop:,} bytes follow the end of the pickle.", key="bytes")


def maybe_pickle(file: File, *, expected: bool) -> Pickle | None:
    """The file as a pickle without the usual first byte (protocols 0 and 1), if it can be one.

    ``expected``: its name says so. Otherwise it must import something under a name that can be one, and go on
    sensibly: lists of words begin like imports too.
    """
    if not begins_as_pickle(bytes(file.data[:1])):
        return None
    pickle = read_pickle(file)
    if not all(_IDENTIFIER.fullmatch(module) and _IDENTIFIER.fullmatch(name) for module, name in pickle.names):
        return None
    if pickle.broken is None and (expected or pickle.names):
        return pickle
    acts = any(event.kind in (Kind.CALL, Kind.EXTENSION) for event in pickle.events)
    bad = any(map(is_dangerous, pickle.names))
    return pickle if acts or bad or (expected and (pickle.names or pickle.operations > 8)) else None


def begins_as_pickle(head: bytes) -> bool:
    """Whether what begins so may be a pickle of protocol 0 or 1: its first operation needs nothing before it."""
    return head[:1] != b"" and head[0] in _BEGINNINGS


def _read_torch(file: File, magic: Pickle) -> Iterator[Record]:
    """Five pickles in a row: a magic number, the version, the system, the object, and the keys of the storages."""
    yield Artifact(file.place, "torch-legacy", len(file.data), framework="pytorch")
    yield from examine(file, magic)
    parts = [magic]
    while len(parts) < 5:
        pickle = read_pickle(file, parts[-1].stop)
        yield from examine(file, pickle)
        if pickle.broken is not None:
            return
        parts.append(pickle)
    yield from lightning.read_checkpoint(file, parts[3].value)
    keys = parts[4].value
    if type(keys) is not list or not all(type(key) is str for key in keys):
        yield TRAILING.at(file.place.at_byte(parts[4].start), "The fifth pickle is not the list of the storages' keys.")
        return
    yield from _read_storages(file, parts[4].stop, keys, {s.key: s for s in storages(parts[3].value)})


def _read_storages(file: File, at: int, keys: list[str], described: dict[str, Storage]) -> Iterator[Finding]:
    end = len(file.data)
    for key in keys:
        storage = described.get(key)
        if storage is None:
            message = f"Storage {key[:40]!r} is in the list of keys, and no tensor uses it."
            yield STORAGE.at(file.place.at_byte(min(at, end)), message, key=key)
            return
        count = int.from_bytes(file.data[at : at + _LARGEST_INTEGER], "little", signed=True)
        if count != storage.numel:
            message = f"Storage {key[:40]!r} has {count:,} elements, and its pickle says {storage.numel:,}."
            yield STORAGE.at(file.place.at_byte(min(at, end)), message, key=key)
            return
        at += _LARGEST_INTEGER + count * ELEMENT_BYTES[storage.kind]
        if at > end:
            yield STORAGE.at(file.place.at_byte(end), f"The file ends inside of storage {key[:40]!r}.", key=key)
            return
    if at < end:
        yield TRAILING.at(file.place.at_byte(at), f"{end - at:,} bytes follow the last storage.", key="bytes")
