from __future__ import annotations

import enum
import json
import math
import tracemalloc
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leyden.errors import EncodeError, FormatError
from leyden.wire import nodes as codec
from leyden.wire.tree import decode, encode
from leyden.wire.values import STANDARD, Adapter


class Colour(enum.Enum):
    RED = 1
    CRIMSON = 1  # noqa: PIE796
    BLUE = "b"


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


ENUMS = {"test.Colour": Colour, "test.Mode": Mode}


def read(text, blobs=None):
    return decode(text, blobs or {}, (), ENUMS, "best.ckpt")[0]


def round_trip(value):
    encoded = encode({"v": value}, (), ENUMS)
    json.loads(encoded.text)
    blobs = {name: memoryview(bytearray(leaf.read())) for name, leaf in encoded.leaves.items()}
    tree, used = decode(encoded.text, blobs, (), ENUMS, "best.ckpt")
    assert used == set(blobs)
    return tree["v"]


def same(left, right):
    """Equal in value and in type, all the way down; not a number equals itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return repr(left) == repr(right)
    if isinstance(left, complex):
        return same(left.real, right.real) and same(left.imag, right.imag)
    if isinstance(left, dict):
        if isinstance(left, defaultdict) and left.default_factory is not right.default_factory:
            return False
        return same([*left.items()], [*right.items()]) and same(
            getattr(left, "__dict__", 0), getattr(right, "__dict__", 0)
        )
    if isinstance(left, (list, tuple, deque)):
        return (
            len(left) == len(right)
            and all(map(same, left, right))
            and getattr(left, "maxlen", 0) == getattr(right, "maxlen", 0)
        )
    if isinstance(left, (Namespace, SimpleNamespace)):
        return same(vars(left), vars(right))
    if isinstance(left, (set, frozenset)):
        return left == right and sorted(map(repr, map(type, left))) == sorted(map(repr, map(type, right)))
    return left == right


def with_metadata():
    state = OrderedDict(weight=1)
    state._metadata = OrderedDict({"": {"version": 1}})
    return state


VALUES = [
    None, True, False, 0, -1, 2**53, -(2**53), 2**53 + 1, -(2**53) - 1, 0.0, -0.0, 1e308, 5e-324, 0.1,
    math.inf, -math.inf, math.nan, "", "é\u2028\0", "\ud800", "a" * 5000, 1 + 2j, complex(math.nan, -0.0),
    b"", b"\0" * 1024, b"\0" * 1025, bytearray(b"ab"), bytearray(3000),
    [], {}, (), set(), frozenset(), [[]], ((),), {"a": {"b": [1, (2, 3)]}}, {1, "1", 1.5, None, (1, 2)},
    {1: "int", "1": "str", (1, 2): "tuple", None: "none", True + 1: 2, 2.5: "float", b"k": "bytes"}, {math.nan: 1},
    OrderedDict([("b", 1), ("a", 2)]), OrderedDict([(2, OrderedDict())]), with_metadata(),
    Counter("hello"), defaultdict(list, {"a": [1]}), defaultdict(None, {1: 2}), deque([1, 2], 5),
    deque(maxlen=2**60),
    Namespace(), Namespace(a=1, **{"not an identifier": Namespace(b=(1,)), "$tuple": 1}),
    range(3), range(2, -(2**70), -1), slice(1), slice(None, 3, 2),
    SimpleNamespace(), SimpleNamespace(a=[1], **{"$x": 2}),
    Colour.RED, Colour.CRIMSON, Colour.BLUE, {Colour.RED: Mode.READ}, {"\ud800": 1}, {1 + 1j: 1},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=[f"{index}_{type(value).__name__}" for index, value in enumerate(VALUES)])
def test_a_value_comes_back_equal_and_of_the_same_type(value):
    assert same(round_trip(value), value)


def test_an_integer_too_long_to_be_written_in_decimal_comes_back_also_as_a_key():
    assert round_trip({10**5000: -(10**5000)}) == {10**5000: -(10**5000)}


LOOKALIKES = [
    {"$tuple": [1, 2]},
    {"$dict": [["a", 1]]},
    {"$": 1},
    {"$nonsense": None, "b": 1},
    {"$tensor": "a"},
    {"$bytes": {"tensor": "a"}},
    {"tensor": "a"},
    [{"$float": "nan"}, "$float"],
    {"a": {"$enum": ["os", "system"]}},
    {"$dict": {"$dict": {"$dict": []}}},
]


@pytest.mark.parametrize("value", LOOKALIKES, ids=repr)
def test_a_dictionary_that_looks_like_a_node_comes_back_as_it_was(value):
    assert same(round_trip(value), value)


PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=40), st.complex_numbers(),
    st.dates(), st.datetimes(), st.times(), st.timedeltas(), st.sampled_from([Colour.RED, "$tuple", "$dict", "$"]),
)  # fmt: skip
KEYS = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.tuples(st.integers(), st.text(max_size=3)))
TREES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=5), st.sampled_from(["$tuple", "$dict", "$"])), inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4).map(OrderedDict),
        st.frozensets(KEYS, max_size=4),
    ),
    max_leaves=20,
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(TREES)
def test_any_tree_comes_back_equal_and_of_the_same_types(value):
    assert same(round_trip(value), value)


def test_no_attribute_of_a_namespace_is_set_by_more_than_its_name():
    namespace = read('{"v":{"$Namespace":[["__class__","x"],["__dict__",{"a":1}],["b",2]]}}')["v"]
    assert type(namespace) is Namespace
    assert namespace.__dict__ == {"__class__": "x", "__dict__": {"a": 1}, "b": 2}


def test_the_same_tree_is_the_same_text_whatever_the_order_of_a_set():
    words = [f"word{index}" for index in range(50)]
    backwards: set[str] = set()
    backwards.update(reversed(words))
    assert encode({"s": set(words)}, (), {}).text == encode({"s": backwards}, (), {}).text


def test_the_text_is_ascii_without_the_numbers_that_json_lacks():
    text = encode({"v": [math.nan, 2**60, "é", "\ud800"]}, (), {}).text
    assert text.isascii()
    assert json.loads(text, parse_constant=pytest.fail)["v"][1] == {"$int": hex(2**60)}


def test_bytes_beyond_a_kibibyte_become_a_tensor_named_by_their_path():
    encoded = encode({"callbacks": {"Mine": [b"", b"x" * 1025]}}, (), {})
    [(name, leaf)] = encoded.leaves.items()
    assert (name, leaf.dtype, leaf.shape) == ("callbacks.Mine.1", "U8", (1025,))


def test_names_of_tensors_are_made_distinct():
    big = b"x" * 2000
    encoded = encode({"a.b": big, "a": {"b": big}, "": big, "__metadata__": big, "k" * 999: big, "\ud800": big}, (), {})
    assert list(encoded.leaves) == ["a.b", "a.b~2", "~2", "__metadata__~2", "k" * 300, "?"]


def cyclic():
    value = {"a": []}
    value["a"].append(value)
    return value


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def ordered_with_attribute():
    value = OrderedDict()
    value.note = "x"
    return value


Point = namedtuple("Point", "x y")


class Text(str):
    __slots__ = ()


class Stateful:
    def state_dict(self):
        return {}


REFUSED = {
    "an object": (object(), "builtins.object, which has no safe encoding. Save what it is made of"),
    "an object with state": (Stateful(), "Stateful, which has no safe encoding. Save its state_dict"),
    "a function": (deep, "is code .deep.*Save its name"),
    "a lambda": (lambda: 1, "is code"),
    "a built-in function": (eval, "is code .eval"),
    "a method": (Stateful().state_dict, "is code"),
    "a class": (Stateful, "is code .Stateful"),
    "a named tuple": (Point(1, 2), "Point.*Save tuple.value"),
    "a subclass of str": (Text("a"), "Text.*Save str.value"),
    "an enum that is not registered": (enum.Enum("Local", "A").A, "not registered. Call .*register_enum.Local"),
    "a combination of flags": (Mode.READ | Mode.WRITE, "combination of members"),
    "a cycle": (cyclic(), r"a\.0 contains itself"),
    "too deep a tree": (deep(65), "deeper than 64"),
    "a defaultdict of code": (defaultdict(lambda: 1), "factory is not a built-in"),
    "an OrderedDict with attributes": (ordered_with_attribute(), "attributes, which would be lost"),
    "a generator": ((x for x in ()), "generator"),
    "a memoryview": (memoryview(b""), "memoryview"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_path_of_what_cannot_be_encoded_is_named_for(case):
    value, reason = REFUSED[case]
    with pytest.raises(EncodeError, match=r"^callbacks\.Mine\.7\.model[ .].*" + reason):
        encode({"epoch": 1, "callbacks": {"Mine": {7: {"model": value}}}}, (), ENUMS)


def test_a_key_that_cannot_be_encoded_is_named():
    with pytest.raises(EncodeError, match=r"^a\.key is a builtins\.object"):
        encode({"a": {object(): 1}}, (), {})


def test_the_deepest_tree_reads_back():
    assert round_trip(deep(63)) == deep(63)


def test_what_an_adapter_writes_reads_back_at_every_depth_at_which_it_is_written():
    class Wrapped(dict):
        pass

    adapter = Adapter(
        "Wrapped", (Wrapped,), lambda value, out: out.value(dict(value)), lambda body, source: source.value(body)
    )
    value = {}
    for _ in range(31):
        value = Wrapped(a=value)
    text = encode({"v": value}, (adapter,), {}).text
    assert decode(text, {}, (adapter,), {}, "best.ckpt")[0]["v"] == value
    with pytest.raises(EncodeError, match="deeper than 64"):
        encode({"v": Wrapped(a=Wrapped(a=value))}, (adapter,), {})


def test_the_deepest_tree_of_the_containers_that_take_most_text_reads_back():
    value = with_metadata()
    for _ in range(60):
        value = OrderedDict({(): value})
        value._metadata = None
    assert same(round_trip(value), value)


def test_a_container_in_two_places_is_no_cycle():
    shared = [1]
    assert round_trip([shared, shared, {"a": shared}]) == [[1], [1], {"a": [1]}]


def test_containers_shared_so_often_that_they_never_end_are_refused(monkeypatch):
    monkeypatch.setattr(codec, "MOST_VALUES", 10_000)
    value = ["x"]
    for _ in range(40):
        value = [value, value]
    with pytest.raises(EncodeError, match="values, the limit"):
        encode({"v": value}, (), {})


def test_a_tree_beyond_the_limit_is_not_written():
    with pytest.raises(EncodeError, match="tree takes .* is the limit"):
        encode({"v": ["x" * 1_000_000] * 70}, (), {})


def nested_node(tag, levels):
    return '{"v":' + f'{{"{tag}":[' * levels + "]}" * levels + "}"


HOSTILE = {
    "a node of an unknown tag": ('{"v":{"$object":["os.system","ls"]}}', r"v is a node '\$object' .*does not know"),
    "a node with a second key": ('{"v":{"$tuple":[],"a":1}}', "begins with . among others"),
    "two nodes in one": ('{"v":{"$tuple":[],"$set":[]}}', "among others"),
    "a tree that is a list": ("[1]", "not a dictionary with text"),
    "a tree with other keys": ('{"$dict":[[1,2]]}', "not a dictionary with text"),
    "a tree that is an OrderedDict": ('{"$OrderedDict":[["a",1]]}', "not a dictionary with text"),
    "a key twice": ('{"v":{"a":1,"a":2}}', "the key 'a' twice"),
    "a key twice in pairs": ('{"v":{"$dict":[["a",1],["a",2]]}}', "same key or element twice"),
    "equal keys of other types": ('{"v":{"$dict":[[1,1],[true,2]]}}', "same key or element twice"),
    "an element twice": ('{"v":{"$set":[1,1.0]}}', "same key or element twice"),
    "a key that is a list": ('{"v":{"$dict":[[[],1]]}}', "cannot be one, such as a list"),
    "an element that is a dictionary": ('{"v":{"$frozenset":[{}]}}', "cannot be one"),
    "a pair of three": ('{"v":{"$dict":[[1,2,3]]}}', "not a pair"),
    "an attribute that is a number": ('{"v":{"$Namespace":[[1,2]]}}', "attribute whose name is not text"),
    "a factory that is code": ('{"v":{"$defaultdict":["eval",[]]}}', "malformed"),
    "a deque shorter than itself": ('{"v":{"$deque":[[1,2],1]}}', "impossible length"),
    "a deque of a giant length": ('{"v":{"$deque":[[],{"$int":"0xffffffffffffffff"}]}}', "impossible length"),
    "an integer that is not one": ('{"v":{"$int":"x"}}', "not an integer"),
    "an integer too large for a number": ('{"v":9007199254740993}', "beyond 2..53"),
    "a float that is not one": ('{"v":{"$float":"1.0"}}', "malformed"),
    "bytes that are not base64": ('{"v":{"$bytes":"a b"}}', "not base64"),
    "bytes that are a number": ('{"v":{"$bytes":1}}', "not bytes"),
    "bytes in a tensor that is missing": ('{"v":{"$bytes":{"tensor":"a"}}}', "'a', which is not in the file"),
    "text that is no text": ('{"v":{"$str":"/w=="}}', "not text"),
    "an enum that is not registered": ('{"v":{"$enum":["os.Evil","A"]}}', "'os.Evil', which is not registered"),
    "a member that does not exist": ('{"v":{"$enum":["test.Colour","__doc__"]}}', "'__doc__', which is not a member"),
    "a complex number of text": ('{"v":{"$complex":["a","b"]}}', "not a complex"),
    "a path of a list": ('{"v":{"$path":[]}}', "not text"),
    "too deep a tree": ('{"v":' + "[" * 65 + "]" * 65 + "}", "deeper than 64"),
    "too deep a JSON": ("[" * 100_000, "deeper than"),
    "paths in paths": ('{"v":' + '{"$path":' * 100 + '"a"' + "}" * 101, "not text"),
    "complex numbers in complex numbers": (
        '{"v":' + '{"$complex":[' * 100 + "1.0" + ",1.0]}" * 100 + "}", "deeper than 64|not a complex",
    ),
    "nodes in nodes": (nested_node("$tuple", 120), "deeper than|malformed"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_tree_is_refused_for(case):
    text, reason = HOSTILE[case]
    with pytest.raises(FormatError, match=f"^best.ckpt: .*({reason})"):
        read(text)


TAGS = "int float str enum dict tuple set OrderedDict state_dict Counter deque Namespace defaultdict"


@pytest.mark.parametrize("tag", [*TAGS.split(), *(adapter.tag for adapter in STANDARD)])
@pytest.mark.parametrize(
    "body", ["null", "true", "1", '"x"', "[null]", "[1]", "[1,2]", '["a",2,3]', '[["a"],[]]', '{"a":1}']
)
def test_no_malformed_body_escapes_as_another_error(tag, body):
    told = ""
    try:
        read(f'{{"v":{{"${tag}":{body}}}}}')
    except FormatError as error:
        told = str(error)
    assert told == "" or "best.ckpt" in told


def test_one_tensor_cannot_be_copied_many_times():
    text = '{"v":[{"$bytes":{"tensor":"a"}},{"$bytes":{"tensor":"a"}}]}'
    with pytest.raises(FormatError, match="'a', which is in use"):
        read(text, {"a": memoryview(bytes(2000))})


def test_keys_chosen_to_collide_are_refused():
    prime = 2**61 - 1  # Python's hash of an integer is its remainder
    keys = ",".join(f'[{{"$int":"{hex(prime * factor)}"}},0]' for factor in range(2, 2000))
    with pytest.raises(FormatError, match="chosen to be slow"):
        read(f'{{"v":{{"$dict":[{keys}]}}}}')


def test_a_tree_with_too_many_values_is_refused_before_it_is_built():
    text = '{"v":[' + "[],[]," * (2 * codec.MOST_VALUES) + "[]]}"
    tracemalloc.start()
    with pytest.raises(FormatError, match="values, the limit"):
        read(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * len(text)


def test_a_tree_beyond_the_limit_is_not_read():
    with pytest.raises(FormatError, match="67,108,864 is the limit"):
        read(" " * (codec.LARGEST_TREE + 1))
