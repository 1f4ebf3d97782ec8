import pickle

import pytest
import torch
from benchmarks.audit.making import HARMLESS, TENSORS, joblib, legacy, pickled
from tests.audit.artifacts.reading import cuts, formats, opened, rules

from leyden.audit.artifacts.streams import begins_as_pickle, maybe_pickle, read_pickles

SYSTEM = b"cos\nsystem\n(Vx\ntR"


def read(content, name="a.pkl"):
    return list(read_pickles(opened(content, name)))


@pytest.mark.parametrize(
    ("content", "format_"), [(HARMLESS, "pickle"), (legacy(), "torch-legacy"), (joblib(b"N"), "pickle")]
)
def test_each_kind_of_pickle_is_recognized_and_in_order(content, format_):
    found = read(content)
    assert (formats(found), rules(found)) == ([format_], [])


def test_tensors_in_a_plain_pickle_are_in_order():
    found = read(pickle.dumps({"weight": torch.ones(2), "step": 3}))
    assert (formats(found), rules(found)) == (["pickle"], [])


def test_a_file_of_torch_in_a_plain_pickle_is_looked_into():
    inner = legacy(pickled(SYSTEM))
    load = b"ctorch.storage\n_load_from_bytes\nB" + len(inner).to_bytes(4, "little") + inner + b"\x85R"
    assert "LEY101" in rules(read(pickled(load + b"0N")))


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (HARMLESS + pickled(SYSTEM), "LEY101"), (HARMLESS + b"junk", "LEY108"), (legacy(pickled(SYSTEM)), "LEY101"),
        (legacy(version=pickled(SYSTEM)), "LEY101"), (legacy(numel=7), "LEY144"), (legacy(after=b"x"), "LEY108"),
        (joblib(SYSTEM), "LEY101"),
    ],
)  # fmt: skip
def test_what_follows_is_looked_at_too(content, rule):
    assert rule in rules(read(content))


@pytest.mark.parametrize("content", [HARMLESS, legacy(), joblib(b"N")], ids=["plain", "torch", "joblib"])
def test_a_file_cut_anywhere_is_told(content):
    whole = set()
    if content == legacy():  # some cuts lie between two of its pickles, and are told by what is missing
        whole = {n for n in range(len(content)) if content[:n].endswith(b".")}
    assert [n for n, found in cuts(read_pickles, content, "a.pkl") if n > 2 and not found and n not in whole] == []


@pytest.mark.parametrize(
    "content",
    [
        b"(lp0\n.",
        b"cos\nsystem\n.",
        b"\x8e\1\0\0\0\0\0\0\0a0cos\nsystem\n(Vx\ntR.",
        b"\x95\xff\0\0\0\0\0\0\0cos\nsystem\n)R.",
    ],
)
def test_a_pickle_without_its_first_byte_is_known_by_a_name_that_says_so(content):
    assert maybe_pickle(opened(content), expected=True) is not None


@pytest.mark.parametrize(
    "content", [b"Copyright 2026\n", b"(a)\n", b"I am\n", b"cat\ndog\nelephant\n", b"import os\n", b"]" * 99]
)
def test_text_is_no_pickle(content):
    assert maybe_pickle(opened(content, "notes"), expected=False) is None


def test_an_import_far_behind_is_found_under_any_name():
    late = b"(lp0\n" + b"".join(b"S'%0200d'\na" % n for n in range(99)) + SYSTEM + b"a."
    assert maybe_pickle(opened(late, "state.cache"), expected=False) is not None


def test_what_needs_something_before_it_begins_no_pickle():
    assert not any(begins_as_pickle(bytes([code])) for code in b"\x810.Rbtsaq")
    assert not begins_as_pickle(b"")
    assert begins_as_pickle(TENSORS)
