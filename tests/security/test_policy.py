from __future__ import annotations

import os
import sys
from dataclasses import fields, replace

import pytest

from leyden.errors import KeyStoreError, PolicyError, SealError
from leyden.security import keys
from leyden.security.policy import LEVELS, Policy, admit, check_sealing, explained, resolve
from leyden.wire.seal import Seal

ALLOWED = ("unsealed", "strangers", "revoked", "rolled_back", "unproven", "unrecorded", "pickled")
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


@pytest.mark.parametrize("word", ["default", "strict", " strict "])
@pytest.mark.parametrize("chosen", LEVELS)
def test_the_environment_can_tighten_what_code_chose_and_never_loosen_it(word, chosen):
    policy = resolve(chosen, {"LEYDEN_POLICY": word})
    tighter = LEVELS[word.strip()]
    for allowed in ALLOWED:
        assert getattr(policy, allowed) <= getattr(LEVELS[chosen], allowed)
        assert getattr(policy, allowed) <= getattr(tighter, allowed)
    assert policy.seals == (LEVELS[chosen].seals or tighter.seals)


def test_the_environment_can_tighten_single_fields():
    policy = resolve(None, {"LEYDEN_POLICY": "default, unsealed=false,seals=true"})
    assert policy == replace(Policy.DEFAULT, unsealed=False, seals=True)


@pytest.mark.parametrize("field", [field.name for field in fields(Policy)])
def test_what_would_loosen_is_an_error_that_says_where(tmp_path, field):
    loose = str(getattr(Policy.OPEN, field)).lower()
    with pytest.raises(PolicyError, match=f"LEYDEN_POLICY: {field}={loose} would loosen the policy.*allow it in code"):
        resolve("strict", {"LEYDEN_POLICY": f"{field}={loose}"})
    (tmp_path / "pyproject.toml").write_text(f"[tool.leyden.policy]\n{field} = {loose}\n")
    with pytest.raises(PolicyError, match=rf"pyproject\.toml: {field}={loose} would loosen the policy"):
        resolve("strict", {}, tmp_path)


def test_a_project_can_tighten_field_by_field(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.leyden.policy]\nunsealed = false\nseals = true\n")
    assert resolve(None, {}, tmp_path) == replace(Policy.DEFAULT, unsealed=False, seals=True)
    assert resolve("open", {}, tmp_path) == replace(Policy.OPEN, unsealed=False, seals=True)
    (tmp_path / "pyproject.toml").write_text('[tool.leyden]\npolicy = "strict"\n')
    assert resolve("open", {}, tmp_path) == Policy.STRICT


def test_no_project_hides_what_one_above_it_forbids(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.leyden.policy]\nlevel = "strict"\n')
    (inner / "pyproject.toml").write_text("[tool.leyden.policy]\nlevel = 'default'\n")
    assert resolve("open", {}, inner) == Policy.STRICT


def test_projects_that_say_nothing_of_a_policy_change_nothing(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\ndependencies = ['leyden']\n[[[ policy\n")
    assert resolve(None, {}, tmp_path) == Policy.DEFAULT
    (tmp_path / "pyproject.toml").write_text("[tool.leyden.audit]\nexclude = ['policy']\n")
    assert resolve(None, {}, tmp_path) == Policy.DEFAULT


def test_a_directory_or_a_pipe_of_that_name_is_no_project(tmp_path):
    os.mkfifo(tmp_path / "pyproject.toml")
    (tmp_path / "inner" / "pyproject.toml").mkdir(parents=True)
    assert resolve(None, {}, tmp_path / "inner") == Policy.DEFAULT


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.leyden.policy]\nlevel = 'lax'", "'lax' is no level. Use one of"),
        ("[tool.leyden.policy]\nlevel = 3", "'3' is no level"),
        ("[tool.leyden.policy]\nlevel = 'open'", "the level 'open' would loosen"),
        ("[tool.leyden.policy]\nunseald = false", "'unseald' is no rule of a policy. The rules are unsealed"),
        ("[tool.leyden.policy]\nDEFAULT = false", "'DEFAULT' is no rule"),
        ("[tool.leyden.policy]\nunsealed = 'false'", "unsealed='false' is neither true nor false"),
        ("[tool.leyden]\npolicy = 3", "[tool.leyden.policy] is not a table"),
        ("[tool]\nleyden = 'policy'", "[tool.leyden] is not a table"),
        ("[tool.leyden.policy\n", "is not TOML"),
        ("tool.leyden.policy = " + "[" * 50_000, "is not TOML"),
    ],
)
def test_a_project_that_cannot_be_understood_is_an_error_that_names_it(tmp_path, text, says):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(PolicyError) as caught:
        resolve(None, {}, tmp_path)
    assert str(tmp_path / "pyproject.toml") in str(caught.value)
    assert says in str(caught.value)


def test_python_without_a_toml_reader_names_the_ways_out(tmp_path, monkeypatch):
    for name in ("tomllib", "tomli"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "pyproject.toml").write_text("[project]\ndependencies = ['leyden']\n[tool.x]\n")
    assert resolve(None, {}, tmp_path) == Policy.DEFAULT
    (tmp_path / "pyproject.toml").write_text("[tool.leyden.policy]\nlevel = 'strict'")
    with pytest.raises(PolicyError, match="Install the package tomli, use Python 3.11 or newer, or set LEYDEN_POLICY"):
        resolve(None, {}, tmp_path)


@pytest.mark.parametrize("text", ["unsealed=no", "nothing=false", ",", "strict,,", "=false", "open"])
def test_a_variable_that_cannot_be_understood_is_an_error(text):
    with pytest.raises(PolicyError, match="LEYDEN_POLICY"):
        resolve(None, {"LEYDEN_POLICY": text})


def test_a_project_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "pyproject.toml").symlink_to("pyproject.toml")
    with pytest.raises(PolicyError, match="may hold a policy and cannot be read"):
        resolve(None, {}, tmp_path)


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
        assert admit(sealed_by(mine), "a.ckpt", policy) is None


def test_strict_refuses_to_start_where_nothing_can_be_sealed(tmp_path):
    (tmp_path / "file").write_text("")
    nowhere = {"LEYDEN_HOME": str(tmp_path / "file")}
    with pytest.raises(KeyStoreError):
        keys.identity(nowhere)
    with pytest.raises(PolicyError, match=r"rule 'seals'.*No key can be kept in.*replace\(policy, seals=False\)"):
        check_sealing(Policy.STRICT, nowhere)
    check_sealing(Policy.DEFAULT, nowhere)
    check_sealing(Policy.STRICT, {"LEYDEN_HOME": str(tmp_path / "home")})


def test_each_rule_says_where_it_comes_from(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.leyden.policy]\nlevel = 'strict'\n")
    found = explained({"LEYDEN_POLICY": "unsealed=false"}, tmp_path)
    assert found["unsealed"] == (False, "LEYDEN_POLICY")
    assert found["pickled"] == (False, str(tmp_path / "pyproject.toml"))
    assert found["revoked"] == (False, "")
    assert {name: value for name, (value, _) in found.items()} == vars(
        resolve(None, {"LEYDEN_POLICY": "unsealed=false"}, tmp_path)
    )
