import pickle
import struct

import pytest

from leyden.wire.pickle.interpret import interpret
from leyden.wire.pickle.nodes import Kind, Persistent

PAIRS = b"N" + b"2\x86" * 60  # each pair holds the one before it twice
STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ"


def events(data):
    return {event.kind: event for event in interpret(memoryview(data)).events}


@pytest.mark.parametrize(
    "operations",
    [b"}" + PAIRS + b"Ns", b"}(" + PAIRS + b"Nu", b"(" + PAIRS + b"Nd", b"\x8f(" + PAIRS + b"\x90",
    b"(" + PAIRS + b"\x91"],
    ids=["SETITEM", "SETITEMS", "DICT", "ADDITEMS", "FROZENSET"],
)  # fmt: skip
def test_a_key_that_takes_for_ever_to_hash_is_told(operations):
    assert set(events(b"\x80\x04" + operations + b".")) == {Kind.COST}


def test_many_keys_that_are_tuples_are_no_cost():
    shared = tuple(range(20))
    keys = {(shared, number, (number, shared)): None for number in range(20_000)}
    assert not events(pickle.dumps(keys))


def test_a_pair_of_pairs_that_is_no_key_is_no_cost():
    assert not events(b"\x80\x04" + PAIRS + b".")


@pytest.mark.parametrize("name", [b"__setstate__", b"__class__", b"__call__"])
@pytest.mark.parametrize("how", [b"}%ssb", b"N}%ss\x86b"], ids=["dictionary", "slots"])
def test_a_state_with_special_methods_is_told(name, how):
    pair = b"U" + bytes([len(name)]) + name + b"cbuiltins\nbytearray\n"
    assert set(events(b"\x80\x02ccollections\nOrderedDict\n)R" + how % pair + b".")) == {Kind.MUTATION}


def test_a_state_with_other_names_is_none():
    class_ = b"ctypes\nSimpleNamespace\n)\x81"
    assert not events(b"\x80\x02" + class_ + b"}(U\x08__wrapp_K\x01U\x06appendK\x02ub.")


@pytest.mark.parametrize(
    "identity",
    [b"Pthe model\n", b"U\x09the modelQ", b"(U\x06moduleNNNtQ", STORAGE.replace(b"FloatStorage", b"Size")],
    ids=["text", "binary", "no module", "no storage"],
)
def test_an_identity_of_something_else_than_a_storage_is_told(identity):
    found = interpret(memoryview(b"\x80\x02" + identity + b"."))
    assert [event.kind for event in found.events] == [Kind.PERSISTENT]
    assert isinstance(found.value, Persistent)


def test_storages_and_the_source_of_a_module_are_identities():
    source = b"(U\x06modulectorch\nSize\nU\x04a.pyU\x04passtQ"
    assert not events(b"\x80\x02" + STORAGE + b"0" + source + b".")


@pytest.mark.parametrize("length", [40, 1 << 30, (1 << 64) - 1])
def test_a_frame_beyond_the_end_is_told_and_does_not_end_the_reading(length):
    found = interpret(memoryview(b"\x80\x04\x95" + struct.pack("<Q", length) + b"cshop\nbuy\n."))
    assert found.broken is None
    assert {event.kind for event in found.events} == {Kind.FRAME, Kind.FETCH}


def test_filling_a_new_object_of_an_unknown_class_is_not_told_beside_its_class():
    assert set(events(b"\x80\x02cshop\nCart\n)\x81(K\x01K\x02u(K\x01e.")) == {Kind.FETCH, Kind.CALL}


@pytest.mark.parametrize(
    "made", [b"cshop\ncart\n)R", b"ctorch\nSize\n)\x81"], ids=["answer of a function", "harmless class"]
)
def test_filling_what_is_no_new_list_or_dictionary_is_told(made):
    assert Kind.MUTATION in events(b"\x80\x02" + made + b"(K\x01K\x02u.")


def test_a_file_of_torch_inside_is_handed_over_even_if_it_is_dropped():
    load = b"ctorch.storage\n_load_from_bytes\nB\x02\0\0\0hi\x85R"
    found = interpret(memoryview(b"\x80\x02" + load + b"0N."))
    assert [content for _, content in found.nested] == [b"hi"]
    assert not found.events


@pytest.mark.parametrize(
    "call",
    [
        b"ctorch\nFloatStorage\nJ\xff\xff\xff\x7f\x85R", b"ctorch\nTensor\nJ\xff\xff\xff\x7f\x85R",
        b"cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85\x85R", b"cfractions\nFraction\nU\x051e999\x85R",
        b"ctorch\nSize\ncbuiltins\nrange\nJ\xff\xff\xff\x7f\x85R\x85R",
        b"c_operator\ngetitem\ncos\nenviron\nU\x04HOME\x86R",
    ],
    ids=["storage", "tensor", "array", "exponent", "range", "item"],
)  # fmt: skip
def test_arguments_that_cost_or_reach_further_are_told(call):
    assert Kind.ARGUMENTS in events(b"\x80\x02" + call + b".")


def test_types_with_parameters_are_data():
    inner = b"c_operator\ngetitem\nctyping\nTuple\ncbuiltins\nint\ncbuiltins\nEllipsis\n\x86\x86R"
    assert not events(b"\x80\x02c_operator\ngetitem\nctyping\nDict\n" + b"ctyping\nAny\n" + inner + b"\x86\x86R.")


def test_every_identity_is_kept_in_order_even_if_what_it_stands_for_is_dropped():
    other = STORAGE.replace(b"\x01\0\0\x000", b"\x01\0\0\x001")
    found = interpret(memoryview(b"\x80\x02" + STORAGE + b"0" + other + b"."))
    assert [node.identity[2] for node in found.persistents] == ["0", "1"]
