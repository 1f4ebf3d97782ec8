"""The page about the format says enough to read every file, which a reader that knows nothing else proves."""

from __future__ import annotations

import enum
import functools
import re
import sys
import types
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pytest
import torch
from tests.second_reader import Described, Reader, read
from torch import nn

from leyden.checkpoint.enums import ENUMS, register_enum
from leyden.checkpoint.libraries import LIBRARIES
from leyden.checkpoint.save import save, save_weights
from leyden.core.attribute_dict import AttributeDict

PAGE = (Path(__file__).parents[2] / "docs" / "checkpoint-format.md").read_text(encoding="utf-8")
DTYPES = [
    *(
        "bool",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "uint32",
        "int32",
        "uint64",
        "int64",
        "float16",
        "bfloat16",
        "float32",
    ),
    *(
        "float32",
        "float64",
        "complex64",
        "complex128",
        "float8_e4m3fn",
        "float8_e5m2",
        "float8_e4m3fnuz",
        "float8_e5m2fnuz",
    ),
    "float8_e8m0fnu",
]


class Colour(enum.Enum):
    RED = 1


class Mode(enum.Enum):
    FAST = 1


class Box:
    def __init__(self, held):
        self.held = held


class Words(list):
    pass


def loss(output, target):
    return output - target


def tree():
    torch.manual_seed(0)
    tied = torch.arange(6.0)
    box = Box(tied)
    box.again, box.words = box, Words(["a"])
    zone = timezone(timedelta(hours=1), "x")
    return {
        "dicts": [{}, {"a": 1}, {"$a": 1, 2: 3, (1,): 4}, OrderedDict(b=1), Counter("aab"), Namespace(a=1),
                  types.SimpleNamespace(b=2), nn.Linear(1, 2).state_dict(), defaultdict(list, {"k": [1]}),
                  defaultdict(None), AttributeDict(lr=0.1)],
        "sequences": [(), (1, [2]), {1, "a", None}, frozenset({2}), deque([1, 2], 4), deque([3])],
        "numbers": [True, 2**53, -(2**53) - 1, 2**100, 0.1, float("nan"), float("-inf"), 1j,
                    range(1, 9, 2), slice(1, None)],
        "texts": ["é\u2028", "\ud800", b"abc", bytes(range(256)) * 9, bytearray(b"x")],
        "paths": [Path("a/b"), PurePosixPath("/a"), PureWindowsPath("C:\\a")],
        "times": [date(2024, 2, 29), datetime(2024, 1, 2, 3, 4, 5, 6, zone), time(1, 2, tzinfo=timezone.utc),
                  datetime(2024, 1, 1, fold=1), timedelta(-1, 2, 3)],  # noqa: DTZ001 - a time without a zone
        "tensors": {name: torch.arange(6).reshape(2, 3).to(torch.float32).to(getattr(torch, name)) for name in DTYPES},
        "shapes": [torch.ones(()), torch.ones(0, 3), tied, tied.reshape(2, 3), tied.reshape(2, 3).t(), tied[1:3]],
        "parameters": [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(1), requires_grad=False)],
        "torch": [torch.float16, torch.device("cuda:1"), torch.Size([1, 2]), torch.__version__],
        "arrays": [np.arange(3), np.ones((2, 300), ">f4"), np.array(["a", "bc"]), np.array("2024-01-01", "M8[D]"),
                   np.float32(1.5), np.bool_(True), np.str_("x"), np.bytes_(b"y")],
        "objects": [box, box, Box, loss, functools.partial(loss, 1, target=2), Colour.RED, Mode.FAST,
                    torch.Generator(), np.random.default_rng(0), Box([torch.ones(2)])],
    }  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    register_enum(Mode)
    path = tmp_path_factory.mktemp("page") / "a.ckpt"
    save(tree(), path)
    ENUMS.clear()
    return path


def alike(found, given):
    """Equal in value and, but for classes that only Leyden or torch has, in type."""
    if isinstance(given, torch.Tensor):
        assert (found.dtype, found.shape, found.requires_grad) == (given.dtype, given.shape, given.requires_grad)
        parts = [value.detach().contiguous().reshape(-1).view(torch.uint8) for value in (found, given)]
        assert torch.equal(*parts)
        return
    if isinstance(given, (np.ndarray, np.generic)) and not isinstance(given, (str, bytes)):
        assert (found.dtype, found.shape) == (given.dtype, given.shape)
        assert found.tobytes() == given.tobytes()
        return
    assert type(found) is type(given) or isinstance(
        given, (AttributeDict, torch.torch_version.TorchVersion, np.character)
    )
    match given:
        case dict():
            alike(getattr(found, "_metadata", None), getattr(given, "_metadata", None))
            alike([*found], [*given])
            alike([*found.values()], [*given.values()])
        case Namespace() | types.SimpleNamespace():
            alike(vars(found), vars(given))
        case list() | tuple() | deque():
            assert getattr(found, "maxlen", None) == getattr(given, "maxlen", None)
            assert len(found) == len(given)
            for one, other in zip(found, given, strict=True):
                alike(one, other)
        case set() | frozenset():
            assert sorted(map(repr, found)) == sorted(map(repr, given))
        case float() | complex():
            assert repr(found) == repr(given)
        case _:
            assert found == given


def test_a_reader_that_knows_the_page_alone_reads_every_value(path):
    found, given = read(path), tree()
    found.pop("objects"), given.pop("objects")
    alike(found, given)


def test_and_every_object_with_what_is_shared(path):
    first, again, cls, function, partial, member, enum_, generator, numpy, held = read(path)["objects"]
    name, content, attributes = first.body
    assert (first.tag, name, content) == ("object", f"{__name__}:Box", None)
    assert again is first
    assert torch.equal(attributes["held"], torch.arange(6.0))
    assert attributes["words"].body == (f"{__name__}:Words", ["a"], {})
    assert (cls.tag, cls.body) == ("reference", f"{__name__}:Box")
    assert partial.body[0].body == function.body == f"{__name__}:loss"
    assert partial.body[1:] == ([1], {"target": 2})
    assert (member.tag, member.body) == ("member", [f"{__name__}:Colour", "RED"])
    assert (enum_.tag, enum_.body) == ("enum", [f"{__name__}.Mode", "FAST"])
    assert generator.body[0] == torch.device("cpu")
    assert torch.equal(generator.body[1], torch.Generator().get_state())
    assert numpy.body[:2] == ["Generator", "PCG64"]
    assert numpy.body[2] == np.random.default_rng(0).bit_generator.state
    assert isinstance(held, Described)


def tags_of_the_page():
    rows = [line for line in PAGE.splitlines() if line.startswith("| `$")]
    return {tag for row in rows for tag in re.findall(r"`(\$[^`]*)`", row.split(" | ")[0])}


@pytest.mark.skipif("pandas" in sys.modules or "omegaconf" in sys.modules, reason="those are in the environment")
def test_the_sample_has_every_node_that_the_page_lists(path):
    text = path.read_bytes().decode("latin-1")
    elsewhere = {"$omegaconf", "$pandas.DataFrame", "$pandas.Series"}  # of packages that need not be there
    assert {tag for tag in tags_of_the_page() if f'\\"{tag}\\":' not in text} == elsewhere
    assert elsewhere <= {f"${library.tag}" for library in LIBRARIES}


def test_a_file_of_weights_is_for_any_reader(tmp_path):
    state = nn.Linear(2, 3).state_dict()
    save_weights(state, tmp_path / "w")
    alike({name: read(tmp_path / "w")[name] for name in state}, dict(state))


def test_the_second_reader_shares_no_code_with_the_first():
    import tests.second_reader as module

    assert "leyden" not in {name.partition(".")[0] for name in vars(module)}
    assert not any(getattr(thing, "__module__", "").startswith("leyden") for thing in vars(module).values())
    assert Reader.__module__ == "tests.second_reader"
