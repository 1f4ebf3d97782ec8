import _compat_pickle
import array
import io
import pickle
import pickletools
import struct
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leyden.wire.pickle.interpret import interpret
from leyden.wire.pickle.nodes import Dict, Global, Kind, Object, Persistent, Set, Span, Unknown, walk
from leyden.wire.pickle.opcodes import NAMES


def read(data, **options):
    return interpret(memoryview(data), **options)


def kinds(data):
    return {event.kind for event in read(data).events}


class Anything:
    """What lets everything be done to it, so that an unpickler goes as far as it can."""

    def __init__(self, *arguments, **keywords):
        pass

    def __call__(self, *arguments, **keywords):
        return self

    append = extend = add = __setitem__ = __setstate__ = __call__


class Recorder(pickle.Unpickler):
    """CPython's own unpickler, which finds the same harmless class under each name and tells which it was asked for."""

    def __init__(self, data):
        super().__init__(io.BytesIO(data))
        self.asked = []

    def find_class(self, module, name):
        self.asked.append((module, name))
        return Anything

    def persistent_load(self, pid):
        return pid


def executed(data):
    """What CPython imports, whether it comes to the end, and where the stream then stands."""
    recorder = Recorder(data)
    try:
        recorder.load()
    except Exception:  # noqa: BLE001 - whatever stops it
        return recorder.asked, False
    return recorder.asked, True


def plain(value):
    """The value that a tree of nodes stands for, for those that can be built here."""
    match value:
        case list():
            return [plain(item) for item in value]
        case tuple():
            return tuple(plain(item) for item in value)
        case Dict():
            return {plain(k): plain(v) for k, v in zip(value.pairs[::2], value.pairs[1::2], strict=True)}
        case Set():
            return (frozenset if value.frozen else set)(plain(item) for item in value.items)
        case _:
            return value


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.integers() | st.text())
        | st.frozensets(st.text())
    ),
    max_leaves=30,
)


@given(VALUES, st.integers(min_value=0, max_value=5))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_plain_values_are_read_as_they_were_written(value, protocol):
    data = pickle.dumps(value, protocol)
    found = read(data)
    assert found.broken is None
    assert found.stop == len(data)
    assert found.events == ()
    if protocol >= 4 or not any(isinstance(part, (set, frozenset, bytes)) for part in parts(value)):
        assert plain(found.value) == value


def parts(value):
    yield value
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from parts(key)
            yield from parts(inside)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inside in value:
            yield from parts(inside)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        OrderedDict(a=1, b=[2]),
        Counter("abc"),
        defaultdict(list, a=[1]),
        deque([1, 2], 3),
        datetime(2024, 1, 1, tzinfo=timezone.utc),
        timedelta(1, 2, 3),
        Decimal("1.5"),
        1j,
        bytearray(b"abc"),
        b"abc\xff",
        {1, 2},
        frozenset((1, 2)),
        slice(1, 2),
        range(5),
        PurePosixPath("a/b"),
        array.array("d", [1.0]),
        "é\ud800\n\\",
        2**70,
        -(2**70),
        [OrderedDict(), OrderedDict()],
        (1, (2, (3, (4, ())))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_harmless_objects_do_nothing_worth_telling(value, protocol):
    data = pickle.dumps(value, protocol)
    found = read(data)
    assert (found.broken, found.stop, found.events) == (None, len(data), ())
    assert {mapped(name) for name in executed(data)[0]} == found.names.keys()


# Streams of operations that no pickler would write, out of harmless names.
PIECES = [
    b"(", b"0", b"1", b"2", b"N", b"]", b"}", b")", b"l", b"d", b"t", b"a", b"e", b"s", b"u", b"b", b"o", b"R", b"Q",
    b"K\x01", b"K\x02", b"M\x01\x00", b"J\x01\x00\x00\x00", b"I1\n", b"I01\n", b"I0x10\n", b"L7L\n", b"F1.5\n",
    b"G\x3f\xf0\x00\x00\x00\x00\x00\x00", b"S'a'\n", b'S"b"\n', b"S'\\x41'\n", b"S'\n", b"Va\n", b"V\\u0041\n",
    b"X\x01\x00\x00\x00a", b"U\x01a", b"T\x01\x00\x00\x00a", b"B\x01\x00\x00\x00a", b"C\x01a",
    b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x06", b"\x81", b"\x85", b"\x86", b"\x87", b"\x88", b"\x89",
    b"\x8a\x01\x05", b"\x8a\x00", b"\x8b\x01\x00\x00\x00\x05", b"\x8c\x01a", b"\x8d" + struct.pack("<Q", 1) + b"a",
    b"\x8e" + struct.pack("<Q", 1) + b"a", b"\x8f", b"\x90", b"\x91", b"\x92", b"\x93", b"\x94",
    b"\x95" + struct.pack("<Q", 2), b"\x96" + struct.pack("<Q", 1) + b"a", b"p0\n", b"p1\n", b"q\x00", b"q\x01",
    b"r\x02\x00\x00\x00", b"g0\n", b"h\x00", b"h\x01", b"j\x02\x00\x00\x00", b"Pid\n",
    b"ccollections\nOrderedDict\n", b"c__builtin__\nset\n", b"cbuiltins\nlist\n", b"(icollections\nOrderedDict\n",
    b"\x8c\x0bcollections\x8c\x0bOrderedDict\x93", b"\x8c\x08builtins\x8c\x03set\x93", b"cdecimal\nDecimal\n", b".",
    b"\xff", b"?",
]  # fmt: skip


def test_a_name_across_the_end_of_a_frame_of_which_cpython_loses_a_part_is_told():
    # Reading from a file, CPython 3.11 drops what is left of the frame: "xposix" becomes "posix".
    for rest in (b"posix\nsystem\n.", b"posix\nsystem\n", b"posix\nsystem\xff\n."):
        found = read(b"\x95" + struct.pack("<Q", 2) + b"cx" + rest)
        assert [event.kind for event in found.events if event.kind is Kind.FRAME] == [Kind.FRAME]


@pytest.mark.parametrize("number", [b"I0\0x\n", b"L0\0x\n", b"F1.5\0x\n", b"I0x" + b"f" * 9_000 + b"\n"])
def test_a_number_as_c_reads_it_does_not_end_the_reading(number):
    found = read(number + b"cposix\nsystem\n.")
    assert executed(number + b"cposix\nsystem\n.") == ([("posix", "system")], True)
    assert (found.names.keys(), found.broken) == ({("posix", "system")}, None)
    assert (Kind.NON_ASCII in {event.kind for event in found.events}) == (b"\0" in number)


def test_places_of_the_memo_are_decimal():
    # Read as octal, number 010 would be where the harmless text lies.
    data = b"Vcollections\np8\n0Vposix\np010\n0g10\n\x8c\x06system\x93."
    assert executed(data) == ([("posix", "system")], True)
    assert read(data).names.keys() == {("posix", "system")}


def test_what_follows_a_frame_that_is_longer_than_the_file_is_told():
    # CPython's unpickler in C stops at it; the one in Python, and so PyPy's, goes on.
    data = b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00cposix\nsystem\n."
    found = read(data)
    assert found.names.keys() == {("posix", "system")}
    assert [event.kind for event in found.events] == [Kind.FRAME, Kind.FETCH]
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(data)


@pytest.mark.parametrize("data", [b"cposix\nsystem.", b"(iposix\nsystem."])
def test_a_name_at_the_end_of_a_file_that_is_cut_there_is_told(data):
    # The unpickler in Python takes the last byte for the end of the line and imports before it finds out.
    found = read(data)
    assert (found.names.keys(), found.broken is None) == ({("posix", "system")}, False)


@given(st.lists(st.sampled_from(PIECES), max_size=25), st.sampled_from([b"", b"\x80\x02", b"\x80\x04", b"]", b"((N]"]))
@settings(max_examples=600, deadline=None, derandomize=True)
def test_what_cpython_imports_is_among_what_is_told(pieces, start):
    data = start + b"".join(pieces) + b"."
    asked, complete = executed(data)
    found = read(data)
    if any(event.kind is Kind.FRAME for event in found.events):
        return  # CPython reads other bytes from a file than from memory then, see below
    assert {mapped(name) for name in asked} <= {mapped(name) for name in found.names}
    if complete:
        assert found.broken is None
        assert {mapped(name) for name in asked} == {mapped(name) for name in found.names}


def mapped(name):
    """CPython asks for Python 2's names as they stand in the stream, and maps them after that."""
    name = _compat_pickle.NAME_MAPPING.get(name, name)
    return (_compat_pickle.IMPORT_MAPPING.get(name[0], name[0]), name[1])


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_noise_is_no_error(data):
    found = read(data)
    assert found.stop <= len(data) + 1 or found.broken
    assert set(executed(b"\x80\x04" + data)[0]) <= set(read(b"\x80\x04" + data).names)


def test_python_2_names_are_mapped_up_to_protocol_2():
    for data in (b"c__builtin__\nset\n.", b"\x80\x02c__builtin__\nset\n."):
        assert pickle.loads(data) is set
        assert [*read(data).names] == [("builtins", "set")]
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(b"\x80\x03c__builtin__\nset\n.")
    assert [*read(b"\x80\x03c__builtin__\nset\n.").names] == [("__builtin__", "set")]
    assert [*read(b"ccommands\ngetoutput\n.").names] == [("subprocess", "getoutput")]


@pytest.mark.parametrize("protocol", range(6))
def test_a_file_cut_at_any_byte_is_broken_and_no_error(protocol):
    data = pickle.dumps({"a": [OrderedDict(b=1), (1.5, "x", 2**70, None)]}, protocol)
    for length in range(len(data)):
        assert read(data[:length]).broken is not None


def test_positions_are_those_of_pickletools():
    data = pickle.dumps([OrderedDict(a=1)], 4)
    at = next(at for opcode, _, at in pickletools.genops(data) if opcode.name == "STACK_GLOBAL")
    assert read(data).names == {("collections", "OrderedDict"): at}


def test_the_operations_have_the_names_of_pickletools():
    assert {ord(opcode.code): opcode.name for opcode in pickletools.opcodes} == NAMES


# What counts ----------------------------------------------------------------------------------------------------------


def test_an_unlisted_name_is_an_event_with_its_place():
    found = read(b"Ncshop\nbuy\n.")
    assert [(e.kind, e.name, e.at, e.operation) for e in found.events] == [(Kind.FETCH, ("shop", "buy"), 1, "GLOBAL")]
    assert found.called == frozenset()


@pytest.mark.parametrize(
    "data",
    [
        b"cshop\nbuy\n)R.",
        b"(ishop\nbuy\n.",
        b"(cshop\nbuy\no.",
        b"cshop\nbuy\n)\x81.",
        b"cshop\nbuy\n)}\x92.",
        b"\x80\x04\x8c\x04shop\x8c\x03buy\x93)R.",
    ],
    ids=["REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "STACK_GLOBAL"],
)
def test_every_way_of_calling_is_told(data):
    found = read(data)
    assert found.called == {("shop", "buy")}
    assert {event.kind for event in found.events} == {Kind.FETCH, Kind.CALL}
    assert found.broken is None


def test_a_dotted_name_is_not_the_harmless_name_that_it_begins_with():
    found = read(b"\x80\x04\x8c\x05torch\x8c\x12serialization.load\x93.")
    assert [event.name for event in found.events] == [("torch", "serialization.load")]


@pytest.mark.parametrize(
    "data",
    [
        b"ccollections\nOrderedDict\n}S'a'\nNsb.",
        b"ccollections\nOrderedDict\nK\x01K\x02s.",
        b"ccollections\nOrderedDict\nK\x01a.",
        b"ccollections\nOrderedDict\n(K\x01e.",
        b"ccollections\nOrderedDict\n(K\x01K\x02u.",
        b"\x80\x04ccollections\nOrderedDict\n(K\x01\x90.",
        b"]K\x00K\x01s.",
        b"(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nK\x02tQK\x00K\x01s.",
        b"ctorch\nSize\n)RK\x00K\x01s.",
        b"}}b.",
    ],
    ids=["BUILD", "SETITEM", "APPEND", "APPENDS", "SETITEMS", "ADDITEMS", "list", "storage", "Size", "dict"],
)
def test_changing_what_was_imported_is_told(data):
    assert kinds(data) == {Kind.MUTATION}


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x80\x02\x82\x01.", Kind.EXTENSION),
        (b"\x80\x02\x83\x01\x00.", Kind.EXTENSION),
        (b"\x80\x02\x84\x01\x00\x00\x00.", Kind.EXTENSION),
        (b"\x80\x04\x8c\x02osc_codecs\nencode\nVsystem\nVascii\n\x86R\x93.", Kind.COMPUTED),
        (b"ccollections\nOrderedDict\n)R)R.", Kind.CALL_RESULT),
        (b"K\x01)R.", Kind.CALL_RESULT),
        (b"S'\xe9'\n.", Kind.NON_ASCII),
        (b"S'\\xe9'\n.", Kind.NON_ASCII),
        (b"\x80\x04\x95\x03\0\0\0\0\0\0\0\x8c\x04abcd.", Kind.FRAME),
        (b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x95\x01\0\0\0\0\0\0\0N.", Kind.FRAME),
        (b"Nr\xff\xff\xff\x7f.", Kind.COST),
        (b"\x80\x05\x97.", Kind.BUFFER),
        (b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.", Kind.ARGUMENTS),
        (b"cbuiltins\ngetattr\ncbuiltins\nlist\nS'pop'\n\x86R.", Kind.ARGUMENTS),
        (b"c_codecs\nencode\nS'a'\nS'bz2_codec'\n\x86R.", Kind.ARGUMENTS),
        (b"cbuiltins\nlist\ncbuiltins\nrange\nJ\xff\xff\xff\x7f\x85R\x85R.", Kind.ARGUMENTS),
        (b"ccollections\nOrderedDict\nNR.", Kind.ARGUMENTS),
        (b"ctorch.storage\n_load_from_bytes\nS'PK'\n\x85R.", Kind.ARGUMENTS),
    ],
)
def test_what_no_program_writes_is_told(data, kind):
    assert kinds(data) == {kind}


@pytest.mark.parametrize(
    "data",
    [
        b"c_codecs\nencode\nS'a'\n]\x86R.",
        b"c_codecs\nencode\nS'a'\n}\x86R.",
        b"cnumpy.core.multiarray\n_reconstruct\n(ccollections\nOrderedDict\nctorch\nSize\n(K\x00t\x85RC\x01btR.",
        b"ctorch._utils\n_rebuild_tensor_v2\n(Pstorage\nK\x00"
        + b"ctorch\nSize\n" * 3_000 + b")" + b"\x85R" * 3_000 + b")\x89NtR.",
    ],
    ids=["a list", "a dictionary", "a size of torch", "sizes of sizes"],
)  # fmt: skip
def test_arguments_of_no_type_that_was_expected_are_told_and_no_error(data):
    assert Kind.ARGUMENTS in kinds(data)


def tensor(offset, size, stride, numel=6):
    """A pickle of a tensor over a storage of ``numel`` floats, as torch writes it."""
    storage = f"(S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI{numel}\ntQ".encode()
    numbers = [b"(" + b"".join(b"I%d\n" % n for n in shape) + b"t" for shape in (size, stride)]
    return (
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + b"I%d\n" % offset
        + b"".join(numbers)
        + b"\x89ccollections\nOrderedDict\n)RtR."
    )


@pytest.mark.parametrize(
    "view", [(0, (2, 3), (3, 1)), (5, (1,), (1,)), (0, (), ()), (0, (0, 9), (9, 1)), (0, (9,), (0,))]
)
def test_a_tensor_inside_of_its_storage_is_fine(view):
    assert kinds(tensor(*view)) == set()


@pytest.mark.parametrize(
    "view", [(1, (2, 3), (3, 1)), (-1, (1,), (1,)), (0, (7,), (1,)), (0, (2,), (-1,)), (6, (), ())]
)
def test_a_tensor_beyond_its_storage_is_told(view):
    assert kinds(tensor(*view)) == {Kind.ARGUMENTS}


# What it costs --------------------------------------------------------------------------------------------------------


def test_a_structure_of_any_depth_is_read():
    depth = 200_000
    found = read(b"N" + b"\x85" * depth + b".")
    assert found.broken is None
    assert sum(1 for _ in walk(found.value)) == depth


def test_a_structure_that_holds_itself_is_walked_once():
    found = read(b"]q\x00h\x00a.")
    assert found.value[0] is found.value
    assert len([*walk(found.value)]) == 1


def test_a_value_that_doubles_itself_takes_no_more_memory():
    found = read(b"N" + b"2\x86" * 5_000 + b".")
    assert found.broken is None
    assert len([*walk(found.value)]) == 5_000


def test_operations_are_limited():
    found = read(b"]0" * 1_000 + b"N.", most=500)
    assert found.limited
    assert "500 operations" in found.broken
    assert not read(b"N.", most=2).limited


def test_large_contents_are_pointed_at_and_not_copied():
    found = read(
        b"(B" + struct.pack("<I", 1 << 20) + bytes(1 << 20) + b"X" + struct.pack("<I", 1 << 20) + bytes(1 << 20) + b"t."
    )
    content, text = found.value
    assert isinstance(content, Span)
    assert isinstance(text, Span)
    assert (content.start, content.stop, content.text, text.text) == (6, 6 + (1 << 20), False, True)


@pytest.mark.parametrize(
    "data",
    [
        b"B\xff\xff\xff\xff.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"T\xff\xff\xff\xff.",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"I" + b"9" * 10_000 + b"\n.",
        b"\x8b\xff\xff\xff\xff.",
        b"V" + b"a" * 3_000_000,
        b"p-1\n.",
        b"Np-1\n.",
        b"h\x07.",
        b"e.",
        b"(K\x01d.",
        b"}(K\x01u.",
        b"\x80\x09.",
        b"Vx\\u1.\n.",
        b"S'\\x'\n.",
        b"Fx\n.",
        b"Ix\n.",
        b"X\x01\x00\x00\x00\xff.",
        b"c\xff\nx\n.",
        b"(o.",
        b"\x84\x00\x00\x00\x00.",
        b"K",
        b".",
        b"",
    ],
)
def test_what_cannot_be_read_is_broken(data):
    assert read(data).broken
    assert not executed(data)[1]


# Nodes ----------------------------------------------------------------------------------------------------------------


def test_the_tree_tells_what_would_be_called_with_what():
    value = read(pickle.dumps(OrderedDict(a=1, b=2), 2)).value
    assert isinstance(value, Object)
    assert value.calls("collections", "OrderedDict")
    assert not value.calls("collections", "Counter")
    assert (value.arguments, value.pairs) == ((), ["a", 1, "b", 2])
    value = read(pickle.dumps(deque([1, 2]), 4)).value
    assert value.items == [1, 2]
    value = read(b"\x80\x02cargparse\nNamespace\n)\x81}S'a'\nK\x01sb.").value
    assert value.state.get("a") == 1
    assert value.state.get("b") is None


def test_of_equal_keys_the_last_counts():
    assert read(b"(S'a'\nK\x01S'a'\nK\x02d.").value.get("a") == 2


def test_what_lies_outside_is_a_node():
    assert isinstance(read(b"Pid\n.").value, Persistent)
    assert read(b"Pid\n.").value.identity == "id"
    assert isinstance(read(b"\x80\x02\x82\x07.").value, Unknown)
    assert isinstance(read(b"ctorch\nfloat32\n.").value, Global)


def test_other_names_can_be_declared_harmless():
    assert read(b"cshop\nbuy\n)R.", harmless=lambda name: name == ("shop", "buy")).events == ()


def test_it_goes_on_after_raw_bytes_where_it_is_told_to():
    data = b"cshop\nbuy\n)\x81}bNOISE."
    assert read(data).broken
    assert read(data, inline=lambda built, at: at + 5).broken is None


def test_arguments_of_any_kind_are_told_and_not_an_error():
    pickle = interpret(memoryview(b"c_codecs\nencode\n(S'a'\n]tR."))
    assert [event.kind for event in pickle.events] == [Kind.ARGUMENTS]
