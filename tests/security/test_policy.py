from __future__ import annotations

from dataclasses import fields, replace

import pytest

from leyden.errors import KeyStoreError, PolicyError, SealError
from leyden.security import keys
from leyden.security.policy import LEVELS, Policy, admit, check_sealing, resolve
from leyden.wire.seal import Seal

STRANGER = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "home"))


def sealed_by(public):
    return Seal("5e" * 32, public)


def test_without_a_word_the_default_counts():
    assert resolve(None, {}) == Policy.DEFAULT


def test_a_level_or_fields_of_the_programs_own_count():
    assert resolve("strict", {}) == Policy.STRICT
    assert resolve(replace(Policy.DEFAULT, unsealed=False), {}) == replace(Policy.DEFAULT, unsealed=False)


@pytest.mark.parametrize("word", LEVELS)
@pytest.mark.parametrize("chosen", LEVELS)
def test_the_environment_can_tighten_what_code_chose_and_never_loosen_it(word, chosen):
    policy = resolve(chosen, {"LEYDEN_POLICY": word})
    for allowed in ("unsealed", "strangers", "revoked", "rolled_back", "unproven", "unrecorded", "pickled"):
        assert getattr(policy, allowed) <= getattr(LEVELS[chosen], allowed)
        assert getattr(policy, allowed) <= getattr(LEVELS[word], allowed)
    assert policy.seals == (LEVELS[chosen].seals or LEVELS[word].seals)


def test_every_field_takes_part_in_tightening():
    for field in fields(Policy):
        loose = replace(Policy.OPEN, seals=False)
        tight = replace(loose, **{field.name: not getattr(loose, field.name)})
        assert loose.tightened(tight) == tight.tightened(loose) == tight


@pytest.mark.parametrize(("chosen", "environment"), [("lax", {}), (None, {"LEYDEN_POLICY": "1"})])
def test_a_word_that_is_no_level_is_refused(chosen, environment):
    with pytest.raises(PolicyError, match="is no level. Use one of 'open', 'default', 'strict'"):
        resolve(chosen, environment)


@pytest.mark.parametrize("seal", [None, sealed_by(None)], ids=["another program's", "unsigned"])
def test_what_nobody_sealed_is_read_by_default_and_not_under_strict(seal):
    admit(seal, "a.ckpt", Policy.DEFAULT)
    with pytest.raises(SealError, match=r"a\.ckpt is not read: nobody has sealed it.*\(rule 'unsealed'\).*replace"):
        admit(seal, "a.ckpt", Policy.STRICT)


@pytest.mark.usefixtures("home")
def test_what_a_stranger_sealed_is_read_by_default_and_under_strict_once_trusted():
    admit(sealed_by(STRANGER), "a.ckpt", Policy.DEFAULT)
    with pytest.raises(SealError, match=f"rule 'strangers'.*leyden key trust {keys.text_of(STRANGER)}"):
        admit(sealed_by(STRANGER), "a.ckpt", Policy.STRICT)
    keys.trust(STRANGER, "alice")
    admit(sealed_by(STRANGER), "a.ckpt", Policy.STRICT)


@pytest.mark.usefixtures("home")
def test_what_a_revoked_key_sealed_is_read_only_where_that_is_said():
    keys.revoke(STRANGER)
    for policy in (Policy.DEFAULT, Policy.STRICT):
        with pytest.raises(SealError, match="which you have revoked.*rule 'revoked'"):
            admit(sealed_by(STRANGER), "a.ckpt", policy)
    admit(sealed_by(STRANGER), "a.ckpt", replace(Policy.DEFAULT, revoked=True))


@pytest.mark.usefixtures("home")
def test_ones_own_files_are_read_under_every_level():
    mine = keys.identity().public
    for policy in LEVELS.values():
        admit(sealed_by(mine), "a.ckpt", policy)


def test_strict_refuses_to_start_where_nothing_can_be_sealed(tmp_path):
    (tmp_path / "file").write_text("")
    nowhere = {"LEYDEN_HOME": str(tmp_path / "file")}
    with pytest.raises(KeyStoreError):
        keys.identity(nowhere)
    with pytest.raises(PolicyError, match="rule 'seals'.*No key can be kept in"):
        check_sealing(Policy.STRICT, nowhere)
    check_sealing(Policy.DEFAULT, nowhere)
    check_sealing(Policy.STRICT, {"LEYDEN_HOME": str(tmp_path / "home")})
