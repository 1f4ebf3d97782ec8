from __future__ import annotations

import enum
import functools
import hashlib
import io
import json
import math
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import pytest
import safetensors
import torch
from tests.tiny import Tiny, batches, trainer
from torch import nn

import leyden as L
from leyden.checkpoint import references, trust
from leyden.checkpoint.load import load
from leyden.checkpoint.objects import Unrestored
from leyden.checkpoint.save import save
from leyden.core.warnings import LeydenWarning
from leyden.errors import EncodeError, FormatError, TrustError
from leyden.wire import envelope

T = TypeVar("T")


class Encoder:
    def __init__(self, words):
        self.words = words
        self.table = {word: index for index, word in enumerate(words)}


@dataclass
class Config:
    rate: float = 0.1
    sizes: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Frozen:
    name: str
    shape: tuple[int, ...]


class Slotted:
    __slots__ = ("__private", "left", "right")

    def __init__(self, left):
        self.left = left
        self.__private = 1

    def private(self):
        return self.__private


class SlottedMore(Slotted):
    __slots__ = ("__dict__", "__weakref__")


class Box(Generic[T]):
    def __init__(self, held: T) -> None:
        self.held = held


class Shape(ABC):
    @abstractmethod
    def area(self): ...


class Square(Shape):
    def __init__(self, side):
        self.side = side

    def area(self):
        return self.side**2


class Table(dict):
    """A dictionary that counts what is set."""

    count = 0

    def __setitem__(self, key, value):
        raise AssertionError("restoring calls nothing")

    def update(self, *args, **kwargs):
        raise AssertionError("restoring calls nothing")


class Ordered(OrderedDict):
    pass


class Words(list):
    def append(self, item):
        raise AssertionError("restoring calls nothing")


class Name(str):
    def __new__(cls, text, origin):
        made = super().__new__(cls, text)
        made.origin = origin
        return made

    def __str__(self):
        return "something else"


class Count(int):
    pass


class Ratio(float):
    pass


class Raw(bytes):
    pass


class Group(set):
    pass


class Fixed(frozenset):
    pass


class Row(tuple):
    __slots__ = ()


Point = namedtuple("Point", "x y")


class Pair(NamedTuple):
    left: Any
    right: Any


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


class Outer:
    class Inner:
        def __init__(self):
            self.value = 3


class Strange:
    """Whose every way to be read is overridden."""

    def __init__(self):
        object.__setattr__(self, "kept", 1)

    def __getattribute__(self, name):
        raise AssertionError("nothing is asked")

    def __setattr__(self, name, value):
        raise AssertionError("nothing is told")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.act = nn.ReLU()
        self.register_buffer("steps", torch.tensor(3))
        self.tied = self.linear


def loss(output, target):
    return output - target


def round_trip(tmp_path, value):
    save({"v": value}, tmp_path / "a.ckpt")
    return load(tmp_path / "a.ckpt")["v"]


def state(value):
    """All that plain objects are made of."""
    return {
        **getattr(value, "__dict__", {}),
        **{s: getattr(value, s) for s in getattr(value, "__slots__", ()) if hasattr(value, s)},
    }


@pytest.mark.parametrize(
    "value",
    [
        Encoder(["a", "b"]), Config(0.5, [1, 2]), Slotted(3), Box([1]), Square(2), Outer.Inner(),
        Count(3), Ratio(0.5), Raw(b"x"), Group({1, 2}), Fixed({"a"}), Row((1, [2])), Words(["a"]), Ordered(b=1, a=2),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_an_object_comes_back_with_its_class_and_its_attributes(tmp_path, value):
    back = round_trip(tmp_path, value)
    assert type(back) is type(value)
    assert state(back) == state(value)
    if isinstance(value, (int, float, bytes, set, frozenset, tuple, list, dict)):
        assert back == value
        assert list(back) == list(value) if hasattr(value, "__iter__") else True


@pytest.mark.parametrize(
    "value", [Frozen("a", (1, 2)), Point(1, [2]), Pair(Config(), Colour.RED), Colour.BLUE, Level.LOW, {Colour.RED: 1}]
)
def test_a_value_object_comes_back_equal(tmp_path, value):
    back = round_trip(tmp_path, value)
    assert type(back) is type(value)
    assert back == value


def test_slots_of_every_class_and_attributes_beside_them_come_back(tmp_path):
    value = SlottedMore("l")
    value.more = 4
    back = round_trip(tmp_path, value)
    assert (back.left, back.more, back.private()) == ("l", 4, 1)
    assert not hasattr(back, "right")


def test_no_method_of_the_class_runs(tmp_path):
    table = dict.__new__(Table)
    dict.update(table, {"a": 1})
    table.count = 2
    back = round_trip(tmp_path, {"table": table, "name": Name("x", "here"), "strange": Strange()})
    assert (type(back["table"]), dict.items(back["table"]), back["table"].count) == (Table, {("a", 1)}, 2)
    assert (str.__str__(back["name"]), back["name"].origin) == ("x", "here")
    assert object.__getattribute__(back["strange"], "__dict__") == {"kept": 1}


def test_classes_functions_and_partials_come_back_as_they_are(tmp_path):
    value = {
        "class": Encoder,
        "inner": Outer.Inner,
        "optimizer": torch.optim.Adam,
        "function": loss,
        "activation": torch.nn.functional.relu,
        "in C": [torch.tanh, torch.nn.functional.gelu, math.sqrt, max],
        "plain": [int, dict],
        "partial": functools.partial(loss, 1, target=Encoder(["a"])),
    }
    back = round_trip(tmp_path, value)
    partial = back.pop("partial")
    assert back == {name: thing for name, thing in value.items() if name != "partial"}
    assert (partial.func, partial.args, partial.keywords["target"].words) == (loss, (1,), ["a"])


def test_a_module_comes_back_whole_with_tied_weights_tied(tmp_path):
    net = Net()
    net.linear.weight.requires_grad_(False)
    back = round_trip(tmp_path, net)
    assert type(back) is Net
    assert back.tied is back.linear
    assert torch.equal(back(torch.ones(1, 2)) if hasattr(back, "forward_") else back.linear.weight, net.linear.weight)
    assert not back.linear.weight.requires_grad
    assert isinstance(back.linear.bias, nn.Parameter)
    assert back.state_dict().keys() == net.state_dict().keys()
    back.load_state_dict(net.state_dict())


class Inner(L.Module):
    def __init__(self, loss):
        super().__init__()
        self.save_hyperparameters()
        self.layer = nn.Linear(2, 1)


class Holding(Tiny):
    def __init__(self, inner, words):
        super().__init__()
        self.save_hyperparameters()
        self.inner = inner


def test_objects_are_kept_through_a_run_and_a_module_without_the_trainer_that_ran_it(tmp_path):
    with pytest.warns(LeydenWarning, match="'inner' is an nn.Module"):
        model = Holding(Inner(Box(1)), Encoder(["a"]))
    trained = trainer(tmp_path)
    trained.fit(model, batches(1), batches(1))
    trained.save_checkpoint(tmp_path / "a.ckpt")
    with pytest.warns(LeydenWarning, match="'inner' is an nn.Module"):
        back = Holding.load_from_checkpoint(tmp_path / "a.ckpt")
    assert back.hparams.words.table == {"a": 0}
    assert back.inner.hparams.loss.held == 1
    assert back.inner._trainer is None
    assert torch.equal(back.inner.layer.weight, model.inner.layer.weight)
    with safetensors.safe_open(tmp_path / "a.ckpt", "pt") as file:
        assert sum("inner.layer.weight" in name or "weight" in name for name in file.keys()) == 2  # noqa: SIM118


def test_a_recurrent_layer_runs_as_before(tmp_path):
    layer = nn.LSTM(2, 3, num_layers=2)
    back = round_trip(tmp_path, layer)
    given = torch.ones(4, 1, 2)
    assert torch.equal(back(given)[0], layer(given)[0])
    assert back._flat_weights[0] is back.weight_ih_l0
    assert back.to(torch.float64)(given.double())[0].dtype == torch.float64


def test_identity_is_kept_inside_objects_and_between_them(tmp_path):
    shared, tensor = ["x"], torch.ones(2)
    first, second = Box(shared), Box(shared)
    first.tensor = second.tensor = tensor
    back = round_trip(tmp_path, {"a": first, "b": second, "again": first, "list": shared})
    assert back["a"] is back["again"]
    assert back["a"].held is back["b"].held is back["list"]
    assert back["a"].tensor is back["b"].tensor


def test_cycles_through_objects_lists_and_dictionaries_are_kept(tmp_path):
    parent, child, words = Box(None), Box(None), Words()
    parent.held, child.held = [child], {"up": parent, 1: parent}
    list.append(words, words)
    child.words = words
    back = round_trip(tmp_path, parent)
    [child] = back.held
    assert child.held["up"] is back
    assert child.held[1] is back
    assert child.words[0] is child.words


def test_the_elements_of_a_set_may_refer_to_each_other(tmp_path):
    first, second, third = Box(1), Box(2), Box(3)
    first.other, second.other, third.other = second, third, first
    back = round_trip(tmp_path, {first, second, third})
    for box in back:
        assert box.other in back
        assert box.other.held == box.held % 3 + 1


def test_a_tuple_that_contains_itself_through_an_object_is_refused(tmp_path):
    box = Box(None)
    box.held = (1, {"deep": (box,)})
    assert round_trip(tmp_path, box).held[1]["deep"][0].held[0] == 1
    values = (box, [])
    box.held = values
    with pytest.raises(EncodeError, match=r"v\.0\.held contains itself"):
        save({"v": values}, tmp_path / "b.ckpt")


class Reduced:
    def __reduce__(self):
        return (Reduced, ())


class Stated:
    def __getstate__(self):
        return {}


class Held:
    def __init__(self, value):
        self.value = value


class Deleted:
    def __del__(self): ...


class Hashed:
    def __hash__(self):
        return 1

    def __eq__(self, other):
        return True


class Failure(Exception):
    pass


def local():
    class Local:
        pass

    return Local()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Reduced(), "has its own __reduce__, which a checkpoint does not call"),
        (Stated(), "has its own __getstate__"),
        (Deleted(), "has a __del__"),
        (Failure(), "BaseException has its own __reduce__"),
        (iter([]), "list_iterator, which has no safe encoding"),
        (object(), "has no safe encoding"),
        (lambda: 1, "cannot be found under this name\\. Define it at the top level .*register_object"),
        (local(), "cannot be found under this name"),
        (Held(open), "value is io:open, .*never restored"),
        (eval, "builtins:eval, .*never restored"),
        (Encoder(["a"]).__init__, "no safe encoding|is code|cannot be"),
        ({Hashed(): 1}, r"key is a .*Hashed in the place of a key"),
        ({(1, Hashed())}, "in the place of a key"),
        (torch.load, "never restored"),
        (torch.optim.SGD([torch.ones(1)], 0.1), "__getstate__|__setstate__"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_when_it_is_saved_with_the_reason(tmp_path, value, reason):
    with pytest.raises(EncodeError, match=f"^v.*{reason}"):
        save({"v": value}, tmp_path / "a.ckpt")
    assert not (tmp_path / "a.ckpt").exists()


def test_an_object_that_is_compared_may_be_a_value_below_a_key(tmp_path):
    key = Box(Hashed())
    [back] = round_trip(tmp_path, {key: 1})
    assert type(back.held) is Hashed


# What a stranger's file gives


SECRET = []


class Trap:
    """Would tell if any of its code ran."""

    def __init__(self, *args):
        SECRET.append("init")

    def __new__(cls, *args):
        SECRET.append("new")
        return super().__new__(cls)

    def __setattr__(self, name, value):
        SECRET.append(name)
        super().__setattr__(name, value)

    def __getattribute__(self, name):
        SECRET.append(name)
        return super().__getattribute__(name)

    @property
    def attribute(self):
        raise AssertionError("not a place to write to")

    @attribute.setter
    def attribute(self, value):
        SECRET.append(value)

    def __init_subclass__(cls):
        SECRET.append("subclass")


def forged(tmp_path, node, own=True):
    """A file of whatever content, as its owner, or a stranger, could have written it."""
    stream = io.BytesIO()
    digest = envelope.write(stream, {}, json.dumps({"v": node}))
    if own:
        trust.note_written(digest)
    path = tmp_path / f"{digest[:8]}.ckpt"
    path.write_bytes(stream.getvalue())
    return path


HERE = __name__
NEVER = [
    "builtins:eval", "builtins:exec", "builtins:compile", "builtins:__import__", "builtins:open", "builtins:getattr",
    "builtins:setattr", "builtins:input", "builtins:breakpoint", "builtins:type", "builtins:vars", "builtins:globals",
    "os:system", "posix:system", "posix:remove", "nt:system", "os:popen", "os.path:join", "posixpath:join",
    "subprocess:Popen", "subprocess:run", "importlib:import_module", "importlib._bootstrap:_gcd_import",
    "runpy:run_path", "sys:exit", "shutil:rmtree", "pickle:loads", "_pickle:loads", "marshal:loads", "ctypes:CDLL",
    "socket:socket",
    "functools:partial", "operator:attrgetter", "operator:methodcaller", "types:FunctionType", "types:CodeType",
    "code:interact", "pty:spawn", "webbrowser:open", "tempfile:mktemp", "threading:Thread", "signal:signal", "io:open",
    "torch:load", "torch.serialization:load", "torch.hub:load", "torch.jit:load", "torch._C:_jit_get_operation",
    "torch.utils.cpp_extension:load", "torch.multiprocessing:spawn", "numpy:load", "numpy:fromfile", "numpy.lib:save",
    "leyden.checkpoint.load:load", "leyden.trainer:Trainer", "yaml:load", "joblib:load", "cloudpickle:loads",
]  # fmt: skip


@pytest.mark.parametrize("name", NEVER)
def test_these_are_never_restored_not_even_from_ones_own_file(tmp_path, name):
    for node in ({"$reference": name}, {"$object": [name, None, {}]}, {"$partial": [{"$reference": name}, [], {}]}):
        with pytest.raises(FormatError, match="never restored from a file"):
            load(forged(tmp_path, node))


ALIASES = {
    "another module's function": "alias_of_system",
    "another module's class": "alias_of_popen",
    "a module as an attribute": "json",
    "through a module": "json.loads",
    "through a class, to its method": "Outer.method",
    "through a class, to a builtin method": "Outer.__init__",
    "through an object": "instance.method",
    "through attributes of functions": "loss.__globals__",
    "through attributes of classes": "Outer.__subclasses__",
    "through the metaclass": "Outer.__class__",
    "through the line of classes": "Outer.__mro__",
    "a class under another name": "Nickname",
    "a function under another name": "nickname",
    "a value": "SECRET",
    "nothing": "",
    "a dot": ".",
    "a missing name": "Missing",
    "a name made at a call": "lazily",
    "a class inside under a false name": "Outer.Alias",
}
alias_of_system = os.system
alias_of_popen = subprocess.Popen
Nickname = Encoder
nickname = loss
instance = Outer()
Outer.Alias = Encoder
Outer.method = loss


def __getattr__(name):
    if name == "lazily":
        raise AssertionError("asking a module runs its code")
    raise AttributeError(name)


@pytest.mark.parametrize("way", ALIASES)
def test_a_name_is_no_way_to_anything_but_what_says_the_same_of_itself(tmp_path, way):
    for node in ({"$reference": f"{HERE}:{ALIASES[way]}"}, {"$object": [f"{HERE}:{ALIASES[way]}", None, {}]}):
        with pytest.raises(FormatError, match=r"v names .* has not imported, or does not have"):
            load(forged(tmp_path, node))


def test_nothing_is_imported_because_a_file_names_it(tmp_path):
    (tmp_path / "not_imported_yet.py").write_text("raise AssertionError('imported')")
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(FormatError, match="Import its module first"):
            load(forged(tmp_path, {"$object": ["not_imported_yet:Thing", None, {}]}))
    finally:
        sys.path.remove(str(tmp_path))
    assert "not_imported_yet" not in sys.modules


def test_no_code_of_a_class_runs_when_an_object_of_it_is_made(tmp_path):
    attributes = {"attribute": 1, "__class__": {"$reference": f"{HERE}:Outer"}, "__dict__": {}, "load": 2}
    SECRET.clear()
    made = load(forged(tmp_path, {"$object": [f"{HERE}:Trap", None, attributes]}))["v"]
    assert SECRET == []
    assert type(made) is Trap


BAD = {
    "a function as a class": (["object", f"{HERE}:loss", None, {}], "is an object of .*, which is no class"),
    "an attribute that a slot class has no room for": (["object", f"{HERE}:Frozen", None, {"x": 1}], "has no room"),
    "content for a class without": (["object", f"{HERE}:Outer", {}, {}], "another content than its class can hold"),
    "no content for a class with": (["object", f"{HERE}:Words", None, {}], "another content than its class"),
    "content of another type": (["object", f"{HERE}:Words", {"a": 1}, {}], "holds no list, which it extends"),
    "text for a number": (["object", f"{HERE}:Count", "x", {}], "holds no int"),
    "an abstract class": (["object", f"{HERE}:Shape", None, {}], "cannot be made without its constructor"),
    "an enum": (["object", f"{HERE}:Colour", None, {}], "not restored|cannot be made|extends"),
    "an attribute whose name is no text": (["object", f"{HERE}:Box", None, {"$dict": [[1, 2]]}], "text for keys"),
    "attributes in a list": (["object", f"{HERE}:Box", None, []], "is not an object"),
    "a class with ways of its own": (["object", f"{HERE}:Reduced", None, {}], "own __reduce__.*not restored"),
    "a class with an end of its own": (["object", f"{HERE}:Deleted", None, {}], "__del__.*not restored"),
    "an optimizer": (["object", "torch.optim.sgd:SGD", None, {}], "__setstate__.*not restored"),
    "a layer whose weights are none": (
        ["object", "torch.nn.modules.rnn:LSTM", None, {"_flat_weights": [1]}],
        "whose attributes do not fit together",
    ),
    "a tensor": (["object", "torch:Tensor", None, {}], "not restored"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_object_that_cannot_be_is_refused_for(tmp_path, case):
    (tag, *body), reason = BAD[case]
    with pytest.raises(FormatError, match=reason):
        load(forged(tmp_path, {f"${tag}": body}))


@pytest.mark.parametrize("tag", ["object", "reference", "member", "partial", "same", "shared", "omegaconf",
                                 "torch.Generator", "numpy.random", "pandas.DataFrame", "pandas.Series"])  # fmt: skip
@pytest.mark.parametrize(
    "body",
    [None, 1, -1, 2**60, "x", ":", "a:", [], [1], [None, None, None], [f"{HERE}:Box"], [f"{HERE}:Box", None], {},
     {"a": 1}, [f"{HERE}:Colour", "__class__"], [f"{HERE}:Box", "x"], [1, [], {}],
     [{"$reference": f"{HERE}:loss"}, 1, {}]],
    ids=str,
)  # fmt: skip
def test_no_malformed_object_escapes_as_another_error(tmp_path, tag, body):
    for node, own in ((body, True), ([body], False)):
        path, told = forged(tmp_path, {f"${tag}": node}, own=own), None
        try:
            load(path)
        except (FormatError, TrustError) as error:
            told = error
        assert told is None or str(path) in str(told)
        assert not own or not isinstance(told, TrustError)


def test_references_to_what_is_being_read_are_refused_where_they_cannot_be(tmp_path):
    for node in ({"$shared": {"$tuple": [{"$same": 0}]}}, {"$same": 0}, [{"$shared": []}, {"$same": 1}]):
        with pytest.raises(FormatError, match="contains itself where that cannot be|does not come before it"):
            load(forged(tmp_path, node))


STRANGE = {
    "object": [f"{HERE}:Box", None, {"held": 1}], "reference": f"{HERE}:loss", "member": [f"{HERE}:Colour", "RED"],
    "partial": [{"$reference": f"{HERE}:loss"}, [], {}], "same": 0, "omegaconf": [{}, None],
    "torch.Generator": [None, None],
}  # fmt: skip


@pytest.mark.parametrize("tag", STRANGE)
def test_a_file_of_unknown_origin_gives_no_object_and_the_error_names_place_and_way_out(tmp_path, tag):
    path = forged(tmp_path, [1, {f"${tag}": STRANGE[tag]}], own=False)
    with pytest.raises(TrustError, match=r"\.ckpt: v\.1 is an object, of .*describe=\['v'\]"):
        load(path)
    number, described = load(path, describe=["v"])["v"]
    assert number == 1
    assert type(described) is Unrestored
    with pytest.raises(EncodeError, match=r"not restored\. Put the object there"):
        save({"v": described}, tmp_path / "again.ckpt")


@pytest.mark.parametrize("own", [True, False])
def test_a_tree_that_is_an_object_is_refused(tmp_path, own):
    stream = io.BytesIO()
    digest = envelope.write(stream, {}, json.dumps({"$object": [f"{HERE}:Box", None, {"own": own}]}))
    if own:
        trust.note_written(digest)
    with pytest.raises(FormatError if own else TrustError, match="the tree is (not a dictionary|an object)"):
        load(io.BytesIO(stream.getvalue()), describe=["v"])


def test_a_stranger_cannot_share_values_so_that_they_never_end(tmp_path):
    path = forged(tmp_path, [{"$shared": [1]}, {"$shared": [2]}], own=False)
    assert load(path)["v"] == [[1], [2]]


def test_what_is_described_may_name_tensors_and_the_rest_is_read(tmp_path):
    path = tmp_path / "a.ckpt"
    save({"epoch": 3, "hyper_parameters": {"net": Net(), "lr": 0.1}, "w": torch.ones(2)}, path)
    data = path.read_bytes()
    strange = tmp_path / "b.ckpt"
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].replace(b'"format":"pt"', b'"format":"PT"')
    header = header[: len(envelope.PREFIX)] + b"0" * envelope.SEAL + header[len(envelope.PREFIX) + envelope.SEAL :]
    digest = hashlib.sha256(data[:8] + header).hexdigest().encode()
    at = len(envelope.PREFIX)
    strange.write_bytes(data[:8] + header[:at] + digest + header[at + 64 :] + data[8 + length :])
    with pytest.raises(TrustError, match=r"hyper_parameters\.net is an object, of .*:Net"):
        load(strange)
    tree = load(strange, describe=["hyper_parameters"])
    assert (tree["epoch"], tree["hyper_parameters"]["lr"]) == (3, 0.1)
    assert repr(tree["hyper_parameters"]["net"]) == f"<not restored: {HERE}:Net>"


def test_without_a_look_at_the_digests_no_object_is_restored(tmp_path):
    save({"v": Box(1)}, tmp_path / "a.ckpt")
    with pytest.raises(TrustError):
        load(tmp_path / "a.ckpt", verify=False)


def test_a_registered_class_comes_back_although_no_module_has_it(tmp_path):
    class Local:
        pass

    assert references.register_object(Local) is Local
    value = Local()
    value.number = 3
    try:
        back = round_trip(tmp_path, [value, Local])
    finally:
        references._REGISTERED.clear()
    assert (type(back[0]), back[0].number, back[1]) == (Local, 3, Local)


def test_registering_does_not_help_what_is_never_restored(tmp_path):
    references.register_object(eval)
    try:
        with pytest.raises(EncodeError, match="never restored"):
            save({"v": eval}, tmp_path / "a.ckpt")
        with pytest.raises(FormatError, match="never restored"):
            load(forged(tmp_path, {"$reference": "builtins:eval"}))
    finally:
        references._REGISTERED.clear()
