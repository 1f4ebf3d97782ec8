from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import pytest

from leyden.security.redact import HIDDEN, Secret, names_a_secret, redact_text, redacted, secrets_in

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
