from __future__ import annotations

import pytest

from leyden.audit.fix.values import to_values
from leyden.errors import EncodeError
from leyden.wire.legacy.container import Place, Saved
from leyden.wire.legacy.described import Tensor
from leyden.wire.pickle.nodes import Dict, Global, Object, Persistent, Set, Span, Unknown
from leyden.wire.pickle.storages import Storage

DATA = memoryview(b"0123456789")


def name(module: str, attribute: str) -> Global:
    return Global(module, attribute, 0)


def call(module: str, attribute: str, *arguments, **filled) -> Object:
    return Object(name(module, attribute), arguments, None, 0, **filled)


def storage(kind="FloatStorage", numel=6) -> Persistent:
    return Persistent(("storage", name("torch", kind), "0", "cpu", numel))


HOOKS = call("collections", "OrderedDict")


def tensor(*arguments, memory=None) -> Object:
    arguments = arguments or (0, (2, 3), (3, 1), False, HOOKS)
    return call("torch._utils", "_rebuild_tensor_v2", memory or storage(), *arguments)


def values(root):
    storages, places = {"0": Storage("FloatStorage", "0", "cpu", 6)}, {"0": Place(0, 24)}
    return to_values(Saved(root, DATA, "the file", (), storages, places, "torch-zip"))


def value(node):
    return values(Dict(["key", node]))["key"]


def test_large_text_and_bytes_are_taken_from_the_file():
    assert value(Span(2, 5, text=True)) == "234"
    assert value(Span(2, 5)) == b"234"


def test_a_tensor_is_a_view_of_its_storage():
    made = value(tensor())
    assert isinstance(made, Tensor)
    assert (made.storage, made.dtype, made.shape, made.stride, made.offset) == ("0", "float32", (2, 3), (3, 1), 0)


def test_what_the_pickle_shares_stays_one():
    shared = tensor()
    tree = values(Dict(["a", shared, "b", shared]))
    assert tree["a"] is tree["b"]


def test_of_equal_keys_the_last_counts():
    assert values(Dict(["a", 1, "a", 2])) == {"a": 2}


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (name("os", "system"), "is a os.system"),
        (Unknown("an extension"), "is a unknown"),
        (call("os", "system", "x"), "is a result of os.system"),
        (Object(HOOKS, (), None, 0), "is a result of a call"),
        (Object(name("builtins", "set"), ([1],), Dict(["k", 1]), 0), "not known to be data alone"),
        (Object(name("builtins", "set"), [1], None, 0), "not known to be data alone"),
        (call("collections", "defaultdict", name("builtins", "eval")), "not known to be data alone"),
        (call("torch._utils", "_rebuild_parameter", 3, True, HOOKS), "not known to be data alone"),
        (call("torch._utils", "_rebuild_parameter", tensor(), True, Dict(["hook", 1])), "not known to be data alone"),
        (call("torch._utils", "_rebuild_qtensor", tensor()), "is a quantized tensor, which is not read"),
        (call("torch._utils", "_rebuild_meta_tensor_no_storage", name("torch", "int8"), (1,), (1,), False), "a meta"),
        (call("torch", "device", "cuda", -1), "a number that cannot be"),
        (call("torch", "Size", (True,)), "a number that cannot be"),
        (call("pathlib", "PosixPath", 3), "where text belongs"),
        (tensor(0, (2,), (1,)), "written in an unusual way"),
        (tensor(0, (2, 3), (3, 1), True, HOOKS), "with a gradient"),
        (tensor(0, (2, 3), (3, 1), False, Dict(["hook", 1])), "with hooks"),
        (tensor(0, (2, 3), (3, 1), False, HOOKS, Dict(["m", 1])), "with metadata that is not known"),
        (tensor(0, (2, 3), (3,), False, HOOKS), "shape and strides differ"),
        (tensor(1, (2, 3), (3, 1), False, HOOKS), "reaches beyond its storage"),
        (tensor(0, 6, (1,), False, HOOKS), "a shape that is none"),
        (tensor(0, (1 << 30,), (0,), False, HOOKS), "repeats its storage"),
        (tensor(memory=Persistent("elsewhere")), "whose memory is not in the file"),
        (tensor(memory=storage("QInt8Storage")), "QInt8Storage, which is not read"),
        (Dict([Dict([]), 1]), "has a key that cannot be one"),
        (Set([Dict([])]), "has an element that cannot be one"),
    ],
)
def test_what_is_not_known_to_be_data_is_an_error_that_names_it(node, says):
    with pytest.raises(EncodeError, match=r"^key") as error:
        value(node)
    assert says in str(error.value)


def test_a_cycle_and_a_depth_without_end_are_errors():
    ring = Dict(["a"])
    ring.pairs.append(ring)
    with pytest.raises(EncodeError, match="contains itself"):
        values(ring)
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(EncodeError, match="beyond the limits"):
        value(deep)
    nested = call("torch", "Size", (1,))
    for _ in range(10_000):
        nested = call("torch", "Size", nested)
    with pytest.raises(EncodeError):
        value(nested)


@pytest.mark.parametrize("root", [[], 3, None, Set([1]), Dict([1, 2])])
def test_the_root_is_a_dictionary_with_text_for_keys(root):
    with pytest.raises(EncodeError, match="its root is a"):
        values(root)
