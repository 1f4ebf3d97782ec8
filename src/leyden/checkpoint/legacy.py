"""Files of torch.save and Lightning: their pickle is interpreted and never run, and tensors are the mapped file.

What is not known to be data is not made.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, final

from leyden.checkpoint.content import Source, content
from leyden.checkpoint.foreign import class_of, foreign, names_needed, never_allowed
from leyden.checkpoint.legacy_values import Maker
from leyden.checkpoint.objects import Unrestored
from leyden.checkpoint.placement import MapLocation, placing
from leyden.errors import FormatError, TrustError
from leyden.security.policy import Policy, admit_pickled, resolve
from leyden.wire.legacy.calls import CALLS
from leyden.wire.legacy.container import Saved, open_saved
from leyden.wire.legacy.hostile import is_hostile
from leyden.wire.legacy.values import Reader
from leyden.wire.pickle.nodes import Global, Kind, Name, Object, Value, kind_of, walk
from leyden.wire.pickle.table import is_harmless

_SHOWN: Final = 20
_ACTS: Final = (Kind.FETCH, Kind.CALL, Kind.CALL_RESULT, Kind.MUTATION, Kind.ARGUMENTS)


def load_legacy(
    source: Source,
    *,
    map_location: MapLocation = None,
    mapped: bool = True,
    policy: Policy | str | None = None,
    describe: Collection[str] = (),
    allow: Collection[str] = (),
) -> Any:
    """What torch.save wrote, in either of its layouts, with equal values and types. Nothing is unpickled or imported.

    Values are those that ``torch.load(weights_only=True)`` knows, and plain ones of the standard library and numpy.
    Tensors that were saved in one storage lie in one storage, strides and all. An object of any other class, or a
    function, is a TrustError that names it and its place; in the entries of the root that ``describe`` names it becomes
    ``Unrestored``. Classes whose dotted names are in ``allow`` are written down as data, never made. A file that other
    programs could read in another way, or that would take far more memory than it has bytes, is a FormatError.

    Tensors are on the CPU unless ``map_location`` says otherwise, as torch.load takes it; with ``{}`` they are on the
    devices that they were saved from. They lie in a private mapping of the file, as those of ``load``.
    ``policy`` may refuse such files (rule ``pickled``): a SealError.
    """
    data, where = content(source, mapped)
    admit_pickled(where, resolve(policy))
    return interpreted(data, where, map_location, describe, allow)


def interpreted(
    data: mmap.mmap | bytearray,
    where: str,
    map_location: MapLocation = None,
    describe: Collection[str] = (),
    allow: Collection[str] = (),
) -> Any:
    """What ``load_legacy`` answers, of bytes that may be read."""
    saved = open_saved(memoryview(data), where)
    strangers = _Strangers(where, saved, frozenset(describe), frozenset(allow))
    maker = Maker(data, saved, placing(map_location, where), where)

    def fail(path: str, problem: str) -> NoReturn:
        raise FormatError(f"{where}: {path[:500] or 'the root'} {problem}.")

    for name in allow:
        module, _, attribute = name.rpartition(".")
        if (why := never_allowed((module, attribute))) is not None:
            raise TrustError(f"{name} is allowed for {where}, {why}. Leave it out.")
    root = Reader(saved, CALLS, maker, strangers.met, fail).value(saved.root)
    strangers.check()
    return root


@final
@dataclass
class _Strangers:
    """What a file holds that is not known to be data."""

    where: str
    saved: Saved
    described: frozenset[str]
    allowed: frozenset[str]
    names: set[Name] = field(default_factory=set)  # every name that was met in what is left out
    found: dict[str, tuple[str, int]] = field(default_factory=dict)  # dotted name: first path, byte

    def met(self, value: Value, source: Reader) -> Any:
        """The value in the place of something that is not known to be data."""
        path = ".".join(source.path)[:500]
        inside = [node for node in walk(value) if isinstance(node, Global)]
        self.names.update(node.key for node in inside)
        for node in inside:
            if is_hostile(node.key):
                raise self._hostile(node.key, path or "the root", node.at)
        if source.path == ["callbacks"] and isinstance(value, Global):
            return value.name.rpartition(".")[2]  # before version 1.5, Lightning knew callbacks by their classes
        needed = names_needed(value, inside)
        outermost = _outermost(value)
        if outermost and all(dotted(node.key) in self.allowed for node in outermost):
            return foreign(value, source, self.saved.pickled)
        if source.path and source.path[0] in self.described:
            return Unrestored(kind_of(class_of(value) or value))
        strange = [node for node in needed if not is_harmless(node.key)]
        if not strange:
            strange = [node for node in needed if node.key not in CALLS]
        if not strange:
            source.fail(f"is a {kind_of(value)}, which is not written as torch's programs write it")
        for node in reversed(strange):  # the outermost first
            self.found.setdefault(dotted(node.key), (path or "the root", node.at))
        return None

    def check(self) -> None:
        """TrustError where there is anything of this outside the entries that are only described."""
        if self.found:
            raise self._error()
        for event in self.saved.events:
            if event.kind not in _ACTS or event.name in self.names or (event.name is None and self.names):
                continue
            if event.name is not None and is_hostile(event.name):
                raise self._hostile(event.name, "what it does beside describing data", event.at)
            what = f" ({dotted(event.name)})" if event.name else ""
            raise TrustError(
                f"{self.where} {event.kind.value}{what}, at byte {event.at:,} of {self.saved.inside}, and does not say "
                "what for. No program writes such a file: do not use it."
            )

    def _error(self) -> TrustError:
        shown = [
            f"{name} at {path} (byte {at:,} of {self.saved.inside})"
            for name, (path, at) in list(self.found.items())[:_SHOWN]
        ]
        more = f" and {len(self.found) - _SHOWN} more" if len(self.found) > _SHOWN else ""
        classes = " ".join(f"--allow-class {name}" for name in self.found)
        return TrustError(
            f"{self.where} holds objects or functions, and nothing tells who wrote it, so nothing was made of them: "
            f"{'; '.join(shown)}{more}. If you know where the file comes from, write it anew, with them as data: "
            f"leyden convert OLD NEW {classes}. If a model is one of them, save its state_dict() instead."
        )

    def _hostile(self, name: Name, place: str, at: int) -> TrustError:
        return TrustError(
            f"{self.where}: {place} names {dotted(name)} (byte {at:,} of {self.saved.inside}), which no checkpoint has "
            "a use for, and which pickle would run. Nothing was run here. Do not use the file."
        )


def dotted(name: Name) -> str:
    """A name as people write it."""
    return f"{name[0]}.{name[1]}"


def _outermost(value: Value) -> list[Global]:
    """The names that what is made of a value itself depends on, and not what it holds."""
    match value:
        case Object(arguments=tuple() as arguments):
            callee = class_of(value)
            return names_needed(value, [node for node in (callee, *arguments) if isinstance(node, Global)])
        case Global():
            return [value]
        case _:
            return []
