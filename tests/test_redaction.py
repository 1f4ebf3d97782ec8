from __future__ import annotations

import time

import pytest

from leyden.redaction import HIDDEN, names_a_secret, redact_source, redact_text, shown_name

VALUE = "hunter2-Correct-Horse"

TOKENS = [
    "AKIAIOSFODNN7EXAMPLE",
    "AIza" + "Sy0-_" * 7,
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2_" * 12,
    "glpat-" + "a1B2-" * 4,
    "hf_" + "a1B2" * 9,
    "npm_" + "a1B2" * 9,
    "pypi-AgEIcHlwaS5vcmc" + "a1B2" * 12,
    "sk-proj-" + "a1B2" * 6,
    "xoxb-123456789012-abcdef",
    "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    "nvapi-" + "a1B2_" * 12,
    "dckr_pat_" + "a1B2-" * 6,
    "hooks.slack.com/services/T0A1B2C3D/B0A1B2C3D/" + "a1B2" * 6,
    "AccountKey=" + "a1B2" * 21 + "==",
    "AGE-SECRET-KEY-1" + "QPZRY9X8" * 7,
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----",
]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("around", ["{}", "use {} for it", "'{}'", "a={},", "({})"])
def test_a_token_of_a_well_known_kind_is_hidden_wherever_it_stands(token, around):
    assert redact_text(around.format(token), {}) == around.format(HIDDEN)


def test_a_private_key_that_is_cut_off_is_hidden():
    assert redact_text("key: -----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBg", {}) == f"key: {HIDDEN}"


@pytest.mark.parametrize(
    "text",
    [
        "task-1-Preprocessing-pipeline-A",
        "sk-learn-preprocessing-pipeline",
        "hf_model",
        "ghp_short",
        "eyJust words",
        "xoxo",
        "AKIA",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "epoch=3-val_loss=0.25.ckpt",
        "0123456789abcdef0123456789abcdef01234567",  # a commit, a digest
        "https://host/path@1.0?",
        "s3://bucket/run/last.ckpt",
        "state_dict.layer1.weight",
        "1",
    ],
)
def test_what_only_looks_similar_stays(text):
    assert redact_text(text, {"DB_PASSWORD": VALUE}) is text


def test_a_value_is_hidden_as_it_stands_in_a_url_too():
    environment = {"DB_PASSWORD": "p/w & more=="}
    assert redact_text("https://h/p%2Fw%20%26%20more%3D%3D/x", environment) == f"https://h/{HIDDEN}/x"


@pytest.mark.parametrize(
    "value", ['quote"d \\ and more', "with 'both\" kinds", "tab\tand more", "p\u00e4ssword-\u2713"]
)
def test_a_value_is_hidden_as_repr_and_ascii_write_it_too(value):
    for text in (f"got {value!r}", f"got {value!a}", f"got {[value]}", f"got {value}"):
        hidden = redact_text(text, {"DB_PASSWORD": value})
        assert HIDDEN in hidden
        assert "more" not in hidden
        assert "kinds" not in hidden
        assert "ssword" not in hidden


@pytest.mark.parametrize("value", ["1", "abc", "secret", "1234567"])
def test_a_short_value_of_a_variable_hides_nothing(value):
    assert redact_text("epoch 1 abc secret 1234567", {"DB_PASSWORD": value}) == "epoch 1 abc secret 1234567"


def test_where_a_key_lies_is_no_secret(tmp_path):
    key = tmp_path / "key0123456789.pem"
    key.write_text("x")
    text = f"Others may use the key {key}"
    for name in ("LEYDEN_KEY", "SSL_KEY_FILE", "GOOGLE_APPLICATION_CREDENTIALS"):
        assert redact_text(text, {name: str(key)}) == text
    assert redact_text("no such key: /home/a1/keys/b2.pem", {"LEYDEN_KEY": "/home/a1/keys/b2.pem"}).endswith("b2.pem")


def test_a_password_that_begins_like_a_path_is_one():
    assert redact_text("use /8fhH/vBn3", {"DB_PASSWORD": "/8fhH/vBn3"}) == f"use {HIDDEN}"


def test_several_users_and_signs_in_a_url_leave_nothing():
    assert redact_text("https://a:b@c@host/x", {}) == "https://host/x"
    assert redact_text("at s3://b/x?a=1&b=2, https://c:d@e/f?g", {}) == "at s3://b/x https://e/f"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("password = 'hunter2'", "password = '[secret]'"),
        ('"api_key": "sesame",', '"api_key": "[secret]",'),
        ("db_password: hunter2", "db_password: [secret]"),
        ("connect(password=hunter2, port=1)", "connect(password=[secret], port=1)"),
        ("os.environ['DB_PASSWORD'] = 'hunter2'", "os.environ['DB_PASSWORD'] = '[secret]'"),
        ("token = 'abcdef0123456789abcd'", "token = '[secret]'"),
        ("pad_token = '<pad>'", "pad_token = '<pad>'"),
        ("key: layer.weight", "key: layer.weight"),
        ("password = ''", "password = ''"),
        ("x = 1", "x = 1"),
        (f"run({VALUE!r})", "run('[secret]')"),
    ],
)
def test_a_line_of_a_program_loses_what_stands_beside_such_a_name(line, expected):
    assert redact_source(line, {"DB_PASSWORD": VALUE}) == expected


def test_a_hostile_text_costs_no_more_than_its_length_allows():
    environment = {"DB_PASSWORD": VALUE}
    started = time.process_time()
    for text in (
        "-----BEGIN PRIVATE KEY-----" * 60,
        "a=" * 1000,
        "sk-" + "a" * 2000,
        "eyJ" * 700,
        "://" * 700,
        "://" + "a@" * 1000,
        "password" * 250 + "=",
        "a" * 2000 + "://?",
    ):
        redact_source(text, environment)
    assert time.process_time() - started < 1


def test_the_environment_of_the_moment_counts(monkeypatch):
    assert redact_text(f"x {VALUE}") == f"x {VALUE}"
    monkeypatch.setenv("LATE_PASSWORD", VALUE)
    assert redact_text(f"x {VALUE}") == f"x {HIDDEN}"


def test_the_name_of_a_metric_is_looked_at_once(monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", VALUE)
    assert shown_name(f"loss/{VALUE}") == f"loss/{HIDDEN}"
    assert shown_name("val/loss") == "val/loss"


@pytest.mark.parametrize("name", ["PASSWORD", "Password", "dbPassword", "db-password", "db.password", "db password"])
def test_a_name_is_read_in_any_spelling(name):
    assert names_a_secret(name, "x")
