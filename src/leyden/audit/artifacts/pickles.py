"""What pickles would do to who loads them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

from leyden.audit.artifacts import names
from leyden.audit.finding import File, Finding, Rule, Severity
from leyden.audit.rules.artifacts import (
    AMBIGUOUS,
    ARGUMENTS,
    BROKEN,
    COSTS,
    HIDDEN_NAME,
    MUTATES,
    OBJECTS,
    RUNS_CODE,
    TOO_LONG,
    UNKNOWN_NAME,
)
from leyden.audit.rules.engine import DAMAGED
from leyden.wire.pickle.interpret import interpret
from leyden.wire.pickle.machine import Inline
from leyden.wire.pickle.nodes import Event, Kind, Name, Pickle
from leyden.wire.pickle.table import is_harmless

MOST_NAMES: Final = 50  # findings of unknown names in one pickle
_SHOWN: Final = 12  # names in one finding

_RULES: Final[dict[Kind, Rule]] = {
    Kind.CALL_RESULT: HIDDEN_NAME,
    Kind.COMPUTED: HIDDEN_NAME,
    Kind.EXTENSION: HIDDEN_NAME,
    Kind.PERSISTENT: HIDDEN_NAME,
    Kind.ARGUMENTS: ARGUMENTS,
    Kind.MUTATION: MUTATES,
    Kind.FRAME: AMBIGUOUS,
    Kind.NON_ASCII: AMBIGUOUS,
    Kind.COST: COSTS,
}


def read_pickle(
    file: File, start: int = 0, *, harmless: Callable[[Name], bool] = is_harmless, inline: Inline | None = None
) -> Pickle:
    """The pickle at ``start``, as far as it can be read; the time that it takes counts."""
    file.budget.take()
    return interpret(file.data, start, harmless=harmless, inline=inline)


def judge(file: File, pickle: Pickle) -> Iterator[Finding]:
    """Everything that is wrong with one pickle of ``file``."""
    yield from _judge_names(file, pickle)
    for event in pickle.events:
        rule = _RULES.get(event.kind)
        if rule is None or (event.kind is Kind.ARGUMENTS and event.name is None):
            continue
        message = f"{event.operation} at byte {event.at:,} {event.kind.value}"
        if event.name is not None:
            message += f": {dotted(event.name)}"
        if event.detail:
            message += f" ({event.detail})"
        yield rule.at(
            file.place.at_byte(event.at), message + ".", snippet=_snippet(event), key=_key(file, pickle, event)
        )
    yield from _judge_end(file, pickle)


def dotted(name: Name) -> str:
    """A name as people write it."""
    return f"{name[0]}.{name[1]}"


def _judge_names(file: File, pickle: Pickle) -> Iterator[Finding]:
    calls = {event.name: event for event in pickle.events if event.kind is Kind.CALL}
    objects: list[Event] = []
    unknown = 0
    for event in pickle.events:
        if event.kind is not Kind.FETCH:
            continue
        assert event.name is not None
        call = calls.get(event.name)
        verb = "imports" if call is None else "imports and calls"
        place = file.place.at_byte(event.at)
        snippet = _snippet(call or event)
        if names.is_dangerous(event.name):
            message = f"Loading it {verb} {dotted(event.name)}."
            yield RUNS_CODE.at(place, message, snippet=snippet, key=_key(file, pickle, event))
        elif names.is_object(event.name) or event.name in names.OBJECT_HELPERS:
            objects.append(event)
        elif (unknown := unknown + 1) <= MOST_NAMES:
            message = f"Loading it {verb} {dotted(event.name)}, which is not on the list of harmless names."
            yield UNKNOWN_NAME.at(place, message, snippet=snippet, key=dotted(event.name))
    if unknown > MOST_NAMES:
        message = f"Loading it imports {unknown - MOST_NAMES} more names that are not on the list of harmless names."
        yield UNKNOWN_NAME.at(file.place, message, key="more")
    if objects:
        found = sorted({dotted(event.name) for event in objects if event.name})
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        message = f"It holds objects of {', '.join(found[:_SHOWN])}{more}."
        yield OBJECTS.at(file.place.at_byte(objects[0].at), message, snippet=_snippet(objects[0]), key=" ".join(found))


def _judge_end(file: File, pickle: Pickle) -> Iterator[Finding]:
    if pickle.broken is None:
        return
    place = file.place.at_byte(max(pickle.stop - 1, 0))
    if pickle.limited:
        yield TOO_LONG.at(place, f"It was read for {pickle.operations:,} operations.")
    elif pickle.names or any(event.kind in (Kind.EXTENSION, Kind.COMPUTED) for event in pickle.events):
        innocent = all(is_harmless(name) for name in pickle.names) and not pickle.events
        before = ", ".join(sorted(map(dotted, pickle.names))[:_SHOWN])
        message = f"It breaks off after importing {before or 'something'}: {pickle.broken}."
        yield BROKEN.at(place, message, severity=Severity.MEDIUM if innocent else None, key=f"after {before}")
    else:
        yield DAMAGED.at(place, f"The pickle cannot be read to its end: {pickle.broken}.", key="pickle")


def _snippet(event: Event) -> str:
    name = "" if event.name is None else f" {dotted(event.name)}"
    return f"{event.operation}{name}{event.detail if event.detail.startswith('(') else ''}"


def _key(file: File, pickle: Pickle, event: Event) -> str:
    digest = hashlib.sha256(file.data[pickle.start : pickle.stop]).hexdigest()[:16]
    return f"{event.kind.name} {dotted(event.name) if event.name else ''} {digest}"
