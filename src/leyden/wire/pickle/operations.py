"""What each operation of a pickle does to the machine."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from leyden.errors import FormatError
from leyden.wire.pickle.digits import integer, number, place
from leyden.wire.pickle.effects import built, hashed, is_instance, persistent
from leyden.wire.pickle.machine import Machine
from leyden.wire.pickle.nodes import Dict, Global, Kind, Object, Set, Span, Unknown, Value, kind_of
from leyden.wire.pickle.table import takes_items, takes_pairs
from leyden.wire.pickle.texts import unescaped

Operation: TypeAlias = Callable[[Machine], None]

STOP: Final = ord(".")
NEWEST_PROTOCOL: Final = 5
LONGEST_COPY: Final = 1 << 16  # bytes and texts beyond are only pointed at


def _proto(m: Machine) -> None:
    protocol = m.byte()
    if protocol > NEWEST_PROTOCOL:
        raise FormatError(f"protocol {protocol} is unknown")
    m.protocol = protocol


def _frame(m: Machine) -> None:
    size = m.number(8)
    if m.at < m.frame:
        m.tell(Kind.FRAME, None, f"the frame around it ends at byte {m.frame:,}")
    left = m.end - m.at
    if size > left:  # CPython's unpickler in C stops here, and the one in Python goes on
        m.tell(Kind.FRAME, None, f"a frame of {size:,} bytes, and {left:,} are left")
    m.frame = m.at + min(size, left)


def _mark(m: Machine) -> None:
    m.marks.append(len(m.stack))


def _pop(m: Machine) -> None:
    if m.marks and m.marks[-1] == len(m.stack):
        m.marks.pop()
    else:
        m.pop()


def _pop_mark(m: Machine) -> None:
    m.pop_mark()


def _dup(m: Machine) -> None:
    m.stack.append(m.top())


def _none(m: Machine) -> None:
    m.stack.append(None)


def _true(m: Machine) -> None:
    m.stack.append(True)


def _false(m: Machine) -> None:
    m.stack.append(False)


def _int(m: Machine) -> None:
    text = number(m)
    m.stack.append(text == b"01" if text in (b"00", b"01") else integer(m, text))


def _long(m: Machine) -> None:
    m.stack.append(integer(m, number(m).removesuffix(b"L")))


def _binint(m: Machine) -> None:
    m.stack.append(int.from_bytes(m.take(4), "little", signed=True))


def _binint1(m: Machine) -> None:
    m.stack.append(m.byte())


def _binint2(m: Machine) -> None:
    m.stack.append(m.number(2))


def _long1(m: Machine) -> None:
    m.stack.append(int.from_bytes(m.take(m.byte()), "little", signed=True))


def _long4(m: Machine) -> None:
    size = _signed(m)
    if size > LONGEST_COPY:
        m.tell(Kind.COST, None, f"an integer of {size:,} bytes")
        m.take(size)
        m.stack.append(Unknown("an integer"))
    else:
        m.stack.append(int.from_bytes(m.take(size), "little", signed=True))


def _signed(m: Machine) -> int:
    size = int.from_bytes(m.take(4), "little", signed=True)
    if size < 0:
        raise FormatError(f"{m.what()} has a negative length")
    return size


def _float(m: Machine) -> None:
    text = number(m)
    try:
        m.stack.append(float(text))
    except ValueError:
        raise FormatError(f"FLOAT has {text[:40]!r} for a number") from None


def _binfloat(m: Machine) -> None:
    m.stack.append(struct.unpack(">d", m.take(8))[0])


def _string(m: Machine) -> None:
    text = m.line()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise FormatError("STRING without quotes around its text")
    content = unescaped(text[1:-1])
    if not content.isascii():
        m.tell(Kind.NON_ASCII, None, "a text of Python 2 with bytes beyond ASCII")
    _narrow(m, content)


def _narrow(m: Machine, content: bytes) -> None:
    # Text of Python 2. The caller of an unpickler says how to decode it; unless it says otherwise, as ASCII.
    m.stack.append(content.decode("latin-1"))


def _binstring(m: Machine) -> None:
    _narrow(m, bytes(m.take(_signed(m))))


def _short_binstring(m: Machine) -> None:
    _narrow(m, bytes(m.take(m.byte())))


def _unicode(m: Machine) -> None:
    try:
        m.stack.append(m.line().decode("raw-unicode-escape"))
    except UnicodeDecodeError as error:
        raise FormatError(f"UNICODE has text that cannot be decoded: {error.reason}") from None


def _text(m: Machine, size: int) -> None:
    start = m.at
    content = m.take(size)
    if size > LONGEST_COPY:
        m.stack.append(Span(start, m.at, text=True))
        return
    try:
        m.stack.append(str(content, "utf-8", "surrogatepass"))
    except UnicodeDecodeError as error:
        raise FormatError(f"{m.what()} has text that is not UTF-8: {error.reason}") from None


def _binunicode(m: Machine) -> None:
    _text(m, m.number(4))


def _short_binunicode(m: Machine) -> None:
    _text(m, m.byte())


def _binunicode8(m: Machine) -> None:
    _text(m, m.number(8))


def _bytes(m: Machine, size: int) -> None:
    start = m.at
    content = m.take(size)
    m.stack.append(Span(start, m.at) if size > LONGEST_COPY else bytes(content))


def _binbytes(m: Machine) -> None:
    _bytes(m, m.number(4))


def _short_binbytes(m: Machine) -> None:
    _bytes(m, m.byte())


def _binbytes8(m: Machine) -> None:
    _bytes(m, m.number(8))


def _buffer(m: Machine) -> None:
    m.tell(Kind.BUFFER)
    m.stack.append(Unknown("a buffer"))


def _readonly_buffer(m: Machine) -> None:
    m.top()


def _empty_tuple(m: Machine) -> None:
    m.stack.append(())


def _tuple(m: Machine) -> None:
    m.stack.append(tuple(m.pop_mark()))


def _tuple1(m: Machine) -> None:
    m.stack.append((m.pop(),))


def _tuple2(m: Machine) -> None:
    last = m.pop()
    m.stack.append((m.pop(), last))


def _tuple3(m: Machine) -> None:
    last, middle = m.pop(), m.pop()
    m.stack.append((m.pop(), middle, last))


def _empty_list(m: Machine) -> None:
    m.stack.append([])


def _list(m: Machine) -> None:
    m.stack.append(m.pop_mark())


def _empty_dict(m: Machine) -> None:
    m.stack.append(Dict())


def _dict(m: Machine) -> None:
    pairs = _even(m, m.pop_mark())
    hashed(m, pairs[::2])
    m.stack.append(Dict(pairs))


def _even(m: Machine, pairs: list[Value]) -> list[Value]:
    if len(pairs) % 2:
        raise FormatError(f"{m.what()} has a key without a value")
    return pairs


def _empty_set(m: Machine) -> None:
    m.stack.append(Set())


def _frozenset(m: Machine) -> None:
    values = m.pop_mark()
    hashed(m, values)
    m.stack.append(Set(values, frozen=True))


def _extend(m: Machine, values: list[Value]) -> None:
    target = m.top()
    if not values:
        return
    if type(target) is list:
        target.extend(values)
    elif isinstance(target, Object):
        if not (takes_items(target) or is_instance(m, target)):
            m.tell(Kind.MUTATION, _name(target.callee), f"{m.what()} on a {kind_of(target)}")
        if target.items is None:
            target.items = []
        target.items.extend(values)
    else:
        m.tell(Kind.MUTATION, _name(target), f"{m.what()} on a {kind_of(target)}")


def _append(m: Machine) -> None:
    _extend(m, [m.pop()])


def _appends(m: Machine) -> None:
    _extend(m, m.pop_mark())


def _additems(m: Machine) -> None:
    values = m.pop_mark()
    target = m.top()
    if isinstance(target, Set):
        hashed(m, values)
        target.items.extend(values)
    else:
        _extend(m, values)


def _assign(m: Machine, pairs: list[Value]) -> None:
    target = m.top()
    if not _even(m, pairs):
        return
    hashed(m, pairs[::2])
    if isinstance(target, Dict):
        target.pairs.extend(pairs)
    elif isinstance(target, Object):
        if not (takes_pairs(target) or is_instance(m, target)):
            m.tell(Kind.MUTATION, _name(target.callee), f"{m.what()} on a {kind_of(target)}")
        if target.pairs is None:
            target.pairs = []
        target.pairs.extend(pairs)
    else:
        m.tell(Kind.MUTATION, _name(target), f"{m.what()} on a {kind_of(target)}")


def _setitem(m: Machine) -> None:
    value = m.pop()
    _assign(m, [m.pop(), value])


def _setitems(m: Machine) -> None:
    _assign(m, m.pop_mark())


def _name(value: Value) -> tuple[str, str] | None:
    return value.key if isinstance(value, Global) else None


def _get(m: Machine) -> None:
    m.recall(place(m))


def _binget(m: Machine) -> None:
    m.recall(m.byte())


def _long_binget(m: Machine) -> None:
    m.recall(m.number(4))


def _put(m: Machine) -> None:
    index = place(m)
    if index < 0:
        raise FormatError("PUT has a negative index")
    m.remember(index)


def _binput(m: Machine) -> None:
    m.remember(m.byte())


def _long_binput(m: Machine) -> None:
    m.remember(m.number(4))


def _memoize(m: Machine) -> None:
    m.remember(len(m.memo))


def _identifier(m: Machine) -> str:
    try:
        return m.line(ended=False).decode()
    except UnicodeDecodeError:
        raise FormatError(f"{m.what()} has a name that is not UTF-8") from None


def _global(m: Machine) -> None:
    module = _identifier(m)
    m.stack.append(m.fetch(module, _identifier(m)))


def _stack_global(m: Machine) -> None:
    name, module = m.pop(), m.pop()
    if type(name) is str and type(module) is str:
        m.stack.append(m.fetch(module, name))
    else:
        m.tell(Kind.COMPUTED, None, f"a {kind_of(name)} from a {kind_of(module)}")
        m.stack.append(Unknown("a computed name"))


def _ext1(m: Machine) -> None:
    _extension(m, m.byte())


def _ext2(m: Machine) -> None:
    _extension(m, m.number(2))


def _ext4(m: Machine) -> None:
    _extension(m, int.from_bytes(m.take(4), "little", signed=True))


def _extension(m: Machine, code: int) -> None:
    m.tell(Kind.EXTENSION, None, f"code {code}")
    if code <= 0:
        raise FormatError(f"{m.what()} has the code {code}")
    m.stack.append(Unknown(f"extension {code}"))


def _reduce(m: Machine) -> None:
    arguments = m.pop()
    m.call(m.pop(), arguments)


def _newobj(m: Machine) -> None:
    arguments = m.pop()
    m.call(m.pop(), arguments)


def _newobj_ex(m: Machine) -> None:
    keywords, arguments = m.pop(), m.pop()
    m.call(m.pop(), arguments, keywords)


def _inst(m: Machine) -> None:
    module = _identifier(m)
    callee = m.fetch(module, _identifier(m))
    m.call(callee, tuple(m.pop_mark()))


def _obj(m: Machine) -> None:
    values = m.pop_mark()
    if not values:
        raise FormatError("OBJ without a class")
    m.call(values[0], tuple(values[1:]))


def _build(m: Machine) -> None:
    state = m.pop()
    target = m.top()
    if not isinstance(target, Object):
        m.tell(Kind.MUTATION, _name(target), f"BUILD on a {kind_of(target)}")
        return
    built(m, target, state)
    target.state = state
    if m.inline is not None and (after := m.inline(target, m.at)) is not None:
        m.at = after
        m.frame = 0


def _persid(m: Machine) -> None:
    m.stack.append(persistent(m, m.line().decode("ascii", "backslashreplace")))


def _binpersid(m: Machine) -> None:
    m.stack.append(persistent(m, m.pop()))


_OPERATIONS: Mapping[int, Operation] = {
    ord("("): _mark, ord("0"): _pop, ord("1"): _pop_mark, ord("2"): _dup, ord("F"): _float, ord("I"): _int,
    ord("J"): _binint, ord("K"): _binint1, ord("L"): _long, ord("M"): _binint2, ord("N"): _none, ord("P"): _persid,
    ord("Q"): _binpersid, ord("R"): _reduce, ord("S"): _string, ord("T"): _binstring, ord("U"): _short_binstring,
    ord("V"): _unicode, ord("X"): _binunicode, ord("a"): _append, ord("b"): _build, ord("c"): _global, ord("d"): _dict,
    ord("}"): _empty_dict, ord("e"): _appends, ord("g"): _get, ord("h"): _binget, ord("i"): _inst,
    ord("j"): _long_binget, ord("l"): _list, ord("]"): _empty_list, ord("o"): _obj, ord("p"): _put, ord("q"): _binput,
    ord("r"): _long_binput, ord("s"): _setitem, ord("t"): _tuple, ord(")"): _empty_tuple, ord("u"): _setitems,
    ord("G"): _binfloat, ord("B"): _binbytes, ord("C"): _short_binbytes, 0x80: _proto, 0x81: _newobj, 0x82: _ext1,
    0x83: _ext2, 0x84: _ext4, 0x85: _tuple1, 0x86: _tuple2, 0x87: _tuple3, 0x88: _true, 0x89: _false, 0x8A: _long1,
    0x8B: _long4, 0x8C: _short_binunicode, 0x8D: _binunicode8, 0x8E: _binbytes8, 0x8F: _empty_set, 0x90: _additems,
    0x91: _frozenset, 0x92: _newobj_ex, 0x93: _stack_global, 0x94: _memoize, 0x95: _frame, 0x96: _binbytes8,
    0x97: _buffer, 0x98: _readonly_buffer,
}  # fmt: skip
TABLE: Final[tuple[Operation | None, ...]] = tuple(_OPERATIONS.get(code) for code in range(256))
