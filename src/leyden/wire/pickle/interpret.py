"""Reads a pickle without running it: every operation of protocols 0 to 5, over plain data, in which nothing is called.

It goes where CPython's unpickler goes, and further where that one would stop, at a value of the wrong type for example:
what an unpickler imports or calls is always among the names and events here. Where its C and its Python implementation
differ, the difference is an event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from leyden.errors import FormatError
from leyden.wire.pickle.machine import Inline, Machine
from leyden.wire.pickle.nodes import Kind, Name, Pickle, Value
from leyden.wire.pickle.opcodes import name_of
from leyden.wire.pickle.operations import STOP, TABLE
from leyden.wire.pickle.table import is_harmless

MOST_OPERATIONS: Final = 10_000_000


def interpret(
    data: memoryview,
    start: int = 0,
    *,
    harmless: Callable[[Name], bool] = is_harmless,
    inline: Inline | None = None,
    most: int = MOST_OPERATIONS,
) -> Pickle:
    """Read the pickle that begins at ``start``. Nothing that it holds raises an error: see ``Pickle.broken``."""
    machine = Machine(data, start, harmless, inline)
    broken = None
    limited = False
    value: Value = None
    try:
        limited = _run(machine, most)
        if limited:
            raise FormatError(f"it has over {most:,} operations, the limit")
        value = machine.pop()
    except FormatError as error:
        broken = f"{error} (operation at byte {machine.operation:,})"
        _leave_frame(machine)
    return Pickle(
        value=value,
        events=tuple(machine.events.values()),
        names=machine.names,
        called=frozenset(machine.called),
        protocol=machine.protocol,
        start=start,
        stop=machine.at,
        operations=machine.operations,
        broken=broken,
        limited=limited,
        persistents=tuple(machine.persistents),
        nested=tuple(machine.nested),
    )


def _leave_frame(machine: Machine) -> None:
    """Tell whether the last operation went beyond its frame: CPython may have read other bytes then."""
    if machine.frame and machine.at > machine.frame:
        machine.tell(Kind.FRAME, None, f"the frame ends at byte {machine.frame:,}")
    machine.frame = 0


def _run(machine: Machine, most: int) -> bool:
    """Whether the limit came before STOP."""
    data, end, table = machine.data, machine.end, TABLE
    try:
        for machine.operations in range(most):
            at = machine.at
            if machine.frame and at >= machine.frame:
                _leave_frame(machine)
            if at >= end:
                machine.operation = max(machine.start, end - 1)
                raise FormatError("it ends without STOP")
            machine.operation = at
            machine.at = at + 1
            code = data[at]
            if code == STOP:
                return False
            operation = table[code]
            if operation is None:
                raise FormatError(f"{name_of(code)} is not an operation of a pickle")
            operation(machine)
    finally:
        machine.operations += 1
    return True
