from __future__ import annotations

import datetime
import enum
import math
import stat
import warnings
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from leyden.api.hparams_yaml import dump_hparams, load_hparams_csv, load_hparams_yaml, save_hparams_yaml
from leyden.core.attribute_dict import AttributeDict
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError


class Act(enum.Enum):
    RELU = "relu"


class Level(enum.IntEnum):
    HIGH = 3


def there_and_back(hparams: dict, tmp_path: Path) -> dict:
    save_hparams_yaml(tmp_path / "hparams.yaml", hparams)
    return load_hparams_yaml(tmp_path / "hparams.yaml")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        -(2**70),
        0.001,
        1e-07,
        1e300,
        float("inf"),
        "text",
        "",
        "true",
        "1e5",
        "a: b\n# c",
        "héé\t😀",
        "\ud800",
        [1, [2, {"x": None}]],
        {"a": {"b": []}},
        {1: "one", None: 2, 0.5: 3},
        datetime.date(2026, 1, 2),
        datetime.datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001
    ],
)
def test_plain_data_comes_back_equal_and_of_the_same_type(value, tmp_path):
    back = there_and_back({"value": value}, tmp_path)["value"]
    assert (type(back), back) == (type(value), value)


def test_what_is_not_a_number_comes_back(tmp_path):
    assert math.isnan(there_and_back({"value": math.nan}, tmp_path)["value"])


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (Act.RELU, "RELU"),
        (Level.HIGH, "HIGH"),
        ([Act.RELU], ["RELU"]),
        ({Act.RELU: 1}, {"RELU": 1}),
        (Path("data/mnist"), "data/mnist"),
        ((1, 2), [1, 2]),
        ({"b", "a"}, ["a", "b"]),
        (range(3), [0, 1, 2]),
        (AttributeDict(a=1), {"a": 1}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (Namespace(a=1), {"a": 1}),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.str_("x"), "x"),
        (torch.tensor(2.5), 2.5),
        (torch.tensor(True), True),
    ],
)
def test_what_is_nearly_plain_is_written_plainly(value, read, tmp_path):
    back = there_and_back({"value": value}, tmp_path)["value"]
    assert (type(back), back) == (type(read), read)


class Object:
    pass


@pytest.mark.parametrize(
    "value",
    [
        Object(),
        Object,
        len,
        torch.nn.ReLU(),
        torch.float32,
        torch.device("cpu"),
        torch.ones(2),
        np.ones(2),
        b"x",
        1j,
        np.complex64(1),
        np.longdouble(1),
        [1, Object()],
        [[Object()]],
        (Object(),),
    ],
)
def test_what_is_not_plain_is_left_out_with_a_warning_that_names_it(value, tmp_path):
    with pytest.warns(LeydenWarning, match="left out of the YAML file: value") as caught:
        back = there_and_back({"lr": 0.1, "value": value}, tmp_path)
    assert back == {"lr": 0.1}
    assert caught[0].filename == __file__


def test_what_is_not_plain_inside_a_dictionary_is_left_out_by_itself():
    with pytest.warns(LeydenWarning, match=r"YAML file: model\.loss, model\.Object, extra\."):
        text = dump_hparams({"model": {"width": 3, "loss": len, Object(): 1}, "extra": Object()})
    assert text == "model:\n  width: 3\n"


def test_values_that_contain_themselves_are_left_out():
    inner: dict = {"a": 1}
    inner["again"] = inner
    with pytest.warns(LeydenWarning, match=r"again\.again"):
        text = dump_hparams({"inner": inner})
    assert yaml.safe_load(text)["inner"]["a"] == 1


def test_the_order_is_kept_and_shared_values_are_written_out():
    shared = [1]
    assert dump_hparams({"b": shared, "a": shared}) == "b:\n- 1\na:\n- 1\n"


def test_no_hyperparameters_make_an_empty_mapping(tmp_path):
    assert dump_hparams({}) == "{}\n"
    assert there_and_back({}, tmp_path) == {}


def test_the_file_is_private_and_replaces_a_link(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    path = tmp_path / "hparams.yaml"
    path.symlink_to(elsewhere)
    save_hparams_yaml(path, {"a": 1})
    assert elsewhere.read_text() == "mine"
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600


def loaded(text: str | bytes, tmp_path: Path) -> dict:
    path = tmp_path / "given.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_hparams_yaml(path)


def test_tuples_in_files_of_lightning_are_read(tmp_path):
    text = "size: !!python/tuple\n- 1\n- !!python/tuple [2]\nname: a\n"
    assert loaded(text, tmp_path) == {"size": (1, (2,)), "name": "a"}


def test_aliases_merges_and_an_empty_file_are_read(tmp_path):
    assert loaded("a: &x {k: 1}\nb: *x\nc: {<<: *x, j: 2}\n", tmp_path)["c"] == {"k": 1, "j": 2}
    assert loaded("\ufeff# nothing\n", tmp_path) == {}


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: !!python/name:os.system ''", "could not determine a constructor"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("a: !!python/object/new:os.system ['true']", "could not determine a constructor"),
        ("a: !!python/module:os ''", "could not determine a constructor"),
        ("a: !mine 1", "could not determine a constructor"),
        ("a: !!python/tuple {b: 1}", "a tuple that is no sequence"),
        ("a: 1\nb: 2\na: 3\n", "the key 'a' a second time"),
        ("a: {b: 1, b: 1}", "the key 'b' a second time"),
        ("a: " + "[" * 100 + "]" * 100, "deeper than 64"),
        (BOMB, "more than 100,000 values"),
        ("a: &a [*a]", "contains itself"),
        ("a: &a {b: {c: *a}}", "contains itself"),
        ("a: *nobody", "undefined alias"),
        ("a: [1", "while parsing"),
        ("a: 1\n---\nb: 2\n", "single document"),
        ("a: 2026-13-45", "not YAML of plain data"),
        ("a: " + "9" * 5000, "not YAML of plain data"),
        ("? [1, 2]\n: 3", "unhashable key"),
        ("a: \0", "special characters"),
        ("- 1", "not a mapping of names"),
        ("text", "not a mapping of names"),
        ("1: 2", "not a mapping of names"),
        (b"a: \xff", "not text in UTF-8"),
        (b"a: " + b"x" * (1 << 20), "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_not_plain_data_is_refused_with_the_reason(text, reason, tmp_path):
    with pytest.raises(FormatError, match=reason) as caught:
        loaded(text, tmp_path)
    assert "given.yaml" in str(caught.value)


def test_keys_that_only_look_alike_may_stand_together(tmp_path):
    assert loaded("a: {1: x, '1': y}", tmp_path) == {"a": {1: "x", "1": "y"}}


def test_a_table_is_read_with_its_numbers(tmp_path):
    path = tmp_path / "hparams.csv"
    path.write_text('key,value\na,12\nb,-1e-3\nc,text\nd,True\ne,None\nf,"x,y"\ng,\nh,1_000\ni,inf\n')
    expected = {
        "a": 12,
        "b": -0.001,
        "c": "text",
        "d": True,
        "e": None,
        "f": "x,y",
        "g": "",
        "h": "1_000",
        "i": math.inf,
    }
    assert load_hparams_csv(path) == expected


@pytest.mark.parametrize("text", ["", "a,b\nx,1\n", "key,value\nx\n", "key,value\nx,1,2\n", "key,value\nx,1\nx,2\n"])
def test_a_table_of_another_form_is_refused(text, tmp_path):
    path = tmp_path / "hparams.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match="columns key and value"):
        load_hparams_csv(path)


def test_writing_plain_data_warns_about_nothing(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert there_and_back({"a": 1}, tmp_path) == {"a": 1}
