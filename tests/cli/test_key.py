from __future__ import annotations

import re

import pytest

from leyden.cli.main import main
from leyden.security import keys

STRANGER = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "home"))


def said(capsys, *arguments, code=0):
    assert main(["key", *arguments]) == code
    return capsys.readouterr()


def test_the_list_begins_with_the_key_in_use(capsys):
    assert said(capsys, "list").out == f"{keys.text_of(keys.identity().public)}  yours, in use\n"


def test_a_new_key_takes_the_place_of_the_one_before_it(capsys):
    before = keys.text_of(keys.identity().public)
    told = said(capsys, "new").out
    now = keys.text_of(keys.identity().public)
    assert told.startswith(now)
    assert now != before
    assert re.search(f"^{before}  own since .* an earlier key of mine$", said(capsys, "list").out, re.MULTILINE)


def test_a_key_is_trusted_by_name_and_revoked(capsys):
    assert "is trusted" in said(capsys, "trust", STRANGER, "--name", "alice\x1b[31m").out
    assert re.search(rf"^{STRANGER}  trusted since .*  alice\[31m$", said(capsys, "list").out, re.MULTILINE)
    assert "is revoked" in said(capsys, "revoke", STRANGER).out
    assert re.search(rf"^{STRANGER}  revoked since .*  alice\[31m$", said(capsys, "list").out, re.MULTILINE)


def test_what_is_no_key_ends_with_2_and_says_so(capsys):
    assert "neither a public key" in said(capsys, "trust", "bob", code=2).err
    assert "leyden key new" in said(capsys, "revoke", keys.text_of(keys.identity().public), code=2).err
