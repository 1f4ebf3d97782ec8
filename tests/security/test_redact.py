from __future__ import annotations

import copy
import functools
import json
import pickle
from argparse import Namespace
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import pytest
import yaml
from omegaconf import OmegaConf

from leyden.checkpoint.save import save
from leyden.errors import EncodeError
from leyden.security.redact import HIDDEN, Secret, certain, names_a_secret, redact_text, redacted, secrets_in

VALUE = "hunter2hunter2"


def test_a_secret_is_shown_nowhere_and_revealed_where_it_is_asked_for():
    secret = Secret(VALUE)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>10}",
        "{}".format(secret),  # noqa: UP032
        repr([secret]),
        repr({"a": secret}),
    ]
    assert not any(VALUE in text for text in shown)
    assert secret.reveal() == VALUE
    assert not hasattr(secret, "__dict__")


def test_a_secret_is_equal_to_itself_alone():
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_a_secret_survives_a_copy_of_the_hyperparameters_and_is_not_pickled():
    secret = Secret(VALUE)
    assert copy.deepcopy({"a": [secret]})["a"][0] is copy.copy(secret) is secret
    with pytest.raises(TypeError, match="read it again"):
        pickle.dumps(secret)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "apiKey",
        "API_KEY",
        "openai-api-key",
        "AWS_SECRET_ACCESS_KEY",
        "wandb.apikey",
        "privateKey",
        "secret",
    ],
)
def test_a_name_that_says_so_hides_its_text(name):
    assert redacted({name: "x"}, {}) == {name: HIDDEN}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pad_token", "<pad>"),
        ("token", "[MASK]"),
        ("key", "state_dict.weight"),
        ("tokenizer", "bert-base-uncased-2024"),
        ("keyboard", "qwertz123qwertz123"),
        ("monkey", "a1" * 10),
        ("password", ""),
        ("", "x"),
        ("author", "somebody0123456789"),
    ],
)
def test_a_name_that_only_sounds_like_it_hides_nothing(name, value):
    assert not names_a_secret(name, value)
    assert redacted({name: value}, {}) == {name: value}


def test_a_token_that_looks_like_one_is_hidden():
    assert redacted({"hf_token": "hf_0123456789abcdef"}, {}) == {"hf_token": HIDDEN}


def test_numbers_under_such_a_name_stay():
    assert redacted({"password_length": 12, "api_key": None}, {}) == {"password_length": 12, "api_key": None}


def test_values_of_secret_variables_are_hidden_wherever_they_stand():
    environment = {"DB_PASSWORD": VALUE, "HOME": "/home/alice", "SHORT_SECRET": "abc"}
    assert redacted({"a": [f"x{VALUE}y", "/home/alice", "abc"]}, environment) == {
        "a": [f"x{HIDDEN}y", "/home/alice", "abc"]
    }
    assert redact_text(f"failed with {VALUE}", environment) == f"failed with {HIDDEN}"


def test_of_two_values_one_within_the_other_nothing_is_left():
    environment = {"A_PASSWORD": "longlong", "B_PASSWORD": "longlong-and-more"}
    assert redact_text("longlong-and-more", environment) == HIDDEN


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://alice:pw@host/a", "https://host/a"),
        ("s3://bucket/key?X-Amz-Signature=abc&b=c end", "s3://bucket/key end"),
        ("postgresql://u:p@h:5432/db?sslmode=off", "postgresql://h:5432/db"),
        ("mail alice@example.org?", "mail alice@example.org?"),
        ("http://host/path", "http://host/path"),
        ("what? https://a/b", "what? https://a/b"),
        ("('https://u@a/b?c', 1)", "('https://a/b', 1)"),
    ],
)
def test_urls_lose_user_and_query(text, expected):
    assert redact_text(text, {}) == expected


def test_containers_keep_their_kind_and_what_holds_no_secret_is_not_copied():
    plain = {"a": [1, ("b",)], "c": {"d"}}
    assert redacted(plain, {}) is plain
    before = OrderedDict(a=(Secret("x"), 1), b={"password": "x"})
    after = redacted(before, {})
    assert after == OrderedDict(a=(HIDDEN, 1), b={"password": HIDDEN})
    assert type(after) is OrderedDict
    assert before["b"] == {"password": "x"}


def test_hyperparameters_with_a_secret_are_told_by_name():
    hparams = {
        "lr": 0.1,
        "token": Secret("x"),
        "nested": [{"password": "x"}],
        "data": "https://u:p@host/x",
        "signed": "https://host/x?split=train",
        "plain": ["text", ("more",)],
        "env": f"x{VALUE}",
    }
    assert secrets_in(hparams, {"DB_PASSWORD": VALUE}) == ["token", "nested", "data", "env"]


class Point(NamedTuple):
    x: int
    password: str


@dataclass
class Account:
    name: str
    password: str = field(repr=False)


class Client:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def test_objects_that_can_be_made_again_lose_their_secrets_and_others_are_hidden():
    before = {
        "point": Point(1, "x"),
        "account": Account("me", "x"),
        "namespace": Namespace(a=[Namespace(password="x")]),
        "client": Client(a=Client(api_key="x")),
        "partial": functools.partial(print, api_key="x"),
        "queue": deque([Secret("x"), 1], maxlen=5),
        "bytes": VALUE.encode() + b"\xff",
        "map": MappingProxyType({"password": "x", "a": 1}),
        VALUE: 1,
    }
    after = redacted(before, {"DB_PASSWORD": VALUE})
    assert after == {
        "point": Point(1, HIDDEN),
        "account": Account("me", HIDDEN),
        "namespace": Namespace(a=[Namespace(password=HIDDEN)]),
        "client": HIDDEN,
        "partial": HIDDEN,
        "queue": deque([HIDDEN, 1], maxlen=5),
        "bytes": HIDDEN.encode() + b"\xff",
        "map": {"password": HIDDEN, "a": 1},
        HIDDEN: 1,
    }
    assert before["account"] == Account("me", "x")
    assert vars(before["namespace"].a[0]) == {"password": "x"}


def test_objects_without_a_secret_stay_as_they_are():
    plain = [Point(1, ""), Account("me", ""), Namespace(a=1), Client(a=1), functools.partial(print, end=""), b"\xff"]
    assert redacted(plain, {"DB_PASSWORD": VALUE}) is plain


def test_what_holds_itself_ends():
    a = {"password": "x"}
    a["self"] = [a]
    assert redacted(a, {})["password"] == HIDDEN
    client = Client(password="x")
    client.me = client
    assert redacted([client], {}) == [HIDDEN]


def test_what_is_shared_many_times_is_looked_at_once():
    value = ["x"]
    for _ in range(60):
        value = [value, value]
    assert redacted(value, {"DB_PASSWORD": VALUE}) is value


def test_a_configuration_is_looked_into_without_resolving_it():
    config = OmegaConf.create({"a": {"password": "x", "b": "${nowhere}", "c": "???"}, "d": [1]})
    assert redacted(config, {}) == {"a": {"password": HIDDEN, "b": "${nowhere}", "c": "???"}, "d": [1]}
    plain = OmegaConf.create({"a": "${nowhere}", "c": "???"})
    assert redacted(plain, {}) is plain
    assert secrets_in(config, {}) == ["a"]


def test_of_what_a_program_reads_back_only_what_is_a_secret_beyond_doubt_is_hidden():
    environment = {"DB_PASSWORD": VALUE}
    state = {
        "key": "model_layer_12_weight_a1",
        "token": "abcdef0123456789",
        "url": "https://host/x?split=train",
        "lr": 0.1,
    }
    assert certain(state, environment) is state
    assert certain({"api_key": "x", "a": Secret("x"), "b": VALUE, "c": "https://u:p@h/x?y"}, environment) == {
        "api_key": HIDDEN,
        "a": HIDDEN,
        "b": HIDDEN,
        "c": "https://h/x?y",
    }


def test_a_secret_cannot_be_written_to_a_checkpoint_or_as_json(tmp_path):
    with pytest.raises(EncodeError, match="password"):
        save({"password": Secret(VALUE)}, tmp_path / "a.ckpt")
    with pytest.raises(TypeError):
        json.dumps({"a": Secret(VALUE)})
    assert VALUE not in yaml.dump(redacted({"a": Secret(VALUE)}))
