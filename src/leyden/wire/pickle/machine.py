"""The state of the pickle machine: a stack, a memo, and the account of what an unpickler would import and call."""

from __future__ import annotations

import _compat_pickle
from collections.abc import Callable
from typing import Final, Protocol, final

from leyden.errors import FormatError
from leyden.wire.pickle.nodes import Event, Global, Kind, Name, Object, Persistent, Value, kind_of
from leyden.wire.pickle.opcodes import name_of
from leyden.wire.pickle.table import FROM_BYTES, strange_arguments

MOST_EVENTS: Final = 5_000
MOST_NESTED: Final = 100_000
LONGEST_LINE: Final = 1 << 20
MOST_UNUSED: Final = 1 << 20  # places of the memo that nobody fills


class Inline(Protocol):
    """Tells where the pickle goes on after raw bytes that follow an object, as joblib writes arrays; or None."""

    def __call__(self, built: Object, at: int) -> int | None: ...


@final
class Machine:
    """What an unpickler keeps while it reads; operations.py has what each operation does to it."""

    __slots__ = (
        "at",
        "called",
        "data",
        "end",
        "events",
        "frame",
        "harmless",
        "hashed",
        "inline",
        "marks",
        "memo",
        "names",
        "nested",
        "operation",
        "operations",
        "persistents",
        "protocol",
        "stack",
        "start",
    )

    def __init__(self, data: memoryview, start: int, harmless: Callable[[Name], bool], inline: Inline | None) -> None:
        self.data = data
        self.start = start
        self.at = start  # the next byte to read
        self.end = len(data)
        self.operation = start  # where the operation at hand began
        self.stack: list[Value] = []
        self.marks: list[int] = []
        self.memo: dict[int, Value] = {}
        self.protocol = 0
        self.frame = 0  # where the open frame ends
        self.operations = 0
        self.events: dict[tuple[Kind, Name | None], Event] = {}
        self.names: dict[Name, int] = {}
        self.called: set[Name] = set()
        self.hashed = 0  # steps that hashing the keys so far takes
        self.persistents: list[Persistent] = []
        self.nested: list[tuple[int, Value]] = []  # whole files of torch that would be loaded, and where
        self.harmless = harmless
        self.inline = inline

    def tell(self, kind: Kind, name: Name | None = None, detail: str = "") -> None:
        """Note what the operation at hand does; each kind once for each name."""
        event = self.events.get((kind, name))
        if event is not None:
            event.count += 1
        elif len(self.events) < MOST_EVENTS:
            self.events[kind, name] = Event(kind, self.operation, self.what(), name, detail)

    def take(self, count: int) -> memoryview:
        """The next ``count`` bytes."""
        start = self.at
        self.at = start + count
        if count < 0 or self.at > self.end:
            raise FormatError(f"{self.what()} takes {count:,} bytes, and {self.end - start:,} are left")
        return self.data[start : self.at]

    def number(self, size: int) -> int:
        """The next unsigned little-endian number."""
        return int.from_bytes(self.take(size), "little")

    def byte(self) -> int:
        """The next byte."""
        at = self.at
        if at >= self.end:
            raise FormatError(f"{self.what()} takes a byte, and none is left")
        self.at = at + 1
        return self.data[at]

    def line(self, *, ended: bool = True) -> bytes:
        """The text up to the end of the line, which is skipped.

        Where the file ends first, and ``ended`` is false, it is the text that CPython's unpickler in Python takes.
        """
        start, size = self.at, 256
        while True:
            stop = min(start + size, self.end)
            chunk = bytes(self.data[start:stop])
            length = chunk.find(b"\n")
            if length >= 0:
                self.at = start + length + 1
                return chunk[:length]
            if stop == self.end and not ended:
                self.at = stop
                return chunk[:-1]
            if stop == self.end or size > LONGEST_LINE:
                raise FormatError(f"{self.what()} takes a line, and it has no end")
            size *= 16

    def pop(self) -> Value:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise FormatError(f"{self.what()} takes a value from an empty stack")
        return self.stack.pop()

    def top(self) -> Value:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise FormatError(f"{self.what()} uses a value of an empty stack")
        return self.stack[-1]

    def pop_mark(self) -> list[Value]:
        """All values since the last mark."""
        if not self.marks:
            raise FormatError(f"{self.what()} looks for a mark, and there is none")
        mark = self.marks.pop()
        values = self.stack[mark:]
        del self.stack[mark:]
        return values

    def remember(self, index: int) -> None:
        """Put the top of the stack into the memo."""
        memo = self.memo
        if index > len(memo) + MOST_UNUSED:
            self.tell(Kind.COST, None, f"index {index:,} in a memo of {len(memo):,}")
        memo[index] = self.top()

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise FormatError(f"{self.what()} asks for number {index} of the memo, which is empty")
        self.stack.append(self.memo[index])

    def fetch(self, module: str, name: str) -> Global:
        """What importing ``name`` from ``module`` would answer, with Python 2's names as CPython maps them."""
        if self.protocol < 3:
            if (module, name) in _compat_pickle.NAME_MAPPING:
                module, name = _compat_pickle.NAME_MAPPING[module, name]
            elif module in _compat_pickle.IMPORT_MAPPING:
                module = _compat_pickle.IMPORT_MAPPING[module]
        key = (module, name)
        self.names.setdefault(key, self.operation)
        if not self.harmless(key):
            self.tell(Kind.FETCH, key)
        return Global(module, name, self.operation)

    def call(self, callee: Value, arguments: Value, keywords: Value = None) -> None:
        """Push what calling ``callee`` would answer."""
        made = Object(callee, arguments, keywords, self.operation)
        if isinstance(callee, Global):
            self.called.add(callee.key)
            if not self.harmless(callee.key):
                self.tell(Kind.CALL, callee.key)
            elif (strange := strange_arguments(made)) is not None:
                self.tell(Kind.ARGUMENTS, callee.key, strange)
            elif callee.key == FROM_BYTES and len(self.nested) < MOST_NESTED:
                self.nested.append((self.operation, arguments[0]))
        else:
            self.tell(Kind.CALL_RESULT, None, f"a {kind_of(callee)}")
        self.stack.append(made)

    def what(self) -> str:
        """The name of the operation at hand."""
        return name_of(self.data[self.operation])
