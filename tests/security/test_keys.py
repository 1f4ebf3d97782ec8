from __future__ import annotations

import copy
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from leyden.errors import KeyStoreError
from leyden.security import keys
from leyden.security.keys import Standing

STRANGER = ed25519.Ed25519PrivateKey.from_private_bytes(b"s" * 32).public_key().public_bytes_raw()


@pytest.fixture
def environment(tmp_path):
    return {"LEYDEN_HOME": str(tmp_path / "home")}


def pem(private, encryption=None):
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def write_private(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    path.chmod(0o600)
    return str(path)


def test_the_first_use_makes_a_private_key_and_the_next_finds_it(environment, tmp_path):
    first, second = keys.identity(environment), keys.identity(environment)
    assert first.public == second.public
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "home" / "identity.key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["identity.key"]


def test_processes_that_race_get_the_same_key(environment):
    program = "from leyden.security.keys import identity; print(identity().public.hex())"
    started = [
        subprocess.Popen([sys.executable, "-c", program], env={**os.environ, **environment}, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in started}) == 1


def test_what_a_key_signs_its_public_key_confirms(environment):
    mine = keys.identity(environment)
    public = ed25519.Ed25519PublicKey.from_public_bytes(mine.public)
    public.verify(mine.sign(b"text"), b"text")
    with pytest.raises(InvalidSignature):
        public.verify(mine.sign(b"text"), b"texts")


def test_a_private_key_is_not_shown_copied_or_pickled(environment):
    mine = keys.identity(environment)
    assert repr(mine) == f"Identity(ed25519:{mine.public.hex()})"
    with pytest.raises(TypeError, match="not copied or pickled"):
        pickle.dumps(mine)
    with pytest.raises(TypeError, match="not copied or pickled"):
        copy.copy(mine)


def test_a_mounted_key_is_used_and_nothing_is_made(tmp_path, environment):
    private = ed25519.Ed25519PrivateKey.generate()
    environment["LEYDEN_KEY"] = write_private(tmp_path / "mounted", pem(private))
    assert keys.identity(environment).public == private.public_key().public_bytes_raw()
    assert keys.standing(private.public_key().public_bytes_raw(), environment) is Standing.OWN
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no private key as unencrypted PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no private key"),
        (pem(ed25519.Ed25519PrivateKey.generate(), BestAvailableEncryption(b"x")), "unencrypted"),
        (pem(x25519.X25519PrivateKey.generate()), "of another kind. Checkpoints are sealed with Ed25519"),
    ],
    ids=["empty", "noise", "encrypted", "another kind"],
)
def test_a_file_that_is_no_key_is_refused_by_name(tmp_path, content, message):
    path = write_private(tmp_path / "mounted", content)
    with pytest.raises(KeyStoreError, match=message) as caught:
        keys.identity({"LEYDEN_KEY": path})
    assert path in str(caught.value)


def test_a_key_that_others_can_read_is_refused_with_the_way_out(tmp_path):
    path = write_private(tmp_path / "mounted", pem(ed25519.Ed25519PrivateKey.generate()))
    Path(path).chmod(0o640)
    with pytest.raises(KeyStoreError, match=f"chmod 600 {path}"):
        keys.identity({"LEYDEN_KEY": path})


def test_a_missing_mounted_key_is_an_error_and_not_a_reason_to_make_one(tmp_path, environment):
    environment["LEYDEN_KEY"] = str(tmp_path / "nowhere")
    with pytest.raises(KeyStoreError, match="nowhere cannot be read: No such file"):
        keys.identity(environment)
    assert not (tmp_path / "home").exists()


def test_a_directory_or_pipe_in_the_place_of_a_key_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(KeyStoreError, match="is not a file"):
            keys.identity({"LEYDEN_KEY": str(tmp_path / name)})


def test_a_home_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyStoreError, match=r"No key can be kept in .*Set LEYDEN_HOME"):
        keys.identity({"LEYDEN_HOME": str(tmp_path / "file" / "home")})


def test_a_home_that_others_may_write_to_is_refused(environment, tmp_path):
    keys.identity(environment)
    (tmp_path / "home").chmod(0o770)
    with pytest.raises(KeyStoreError, match="Others may write to"):
        keys.identity(environment)


def test_trust_is_refused_from_a_directory_that_others_may_write_to(environment, tmp_path):
    keys.trust(STRANGER, "s", environment)
    (tmp_path / "home" / "known").chmod(0o777)
    with pytest.raises(KeyStoreError, match="Others may write to"):
        keys.standing(STRANGER, environment)


def test_a_stranger_becomes_trusted_then_revoked_then_trusted_again(environment):
    assert keys.standing(STRANGER, environment) is Standing.UNKNOWN
    keys.trust(STRANGER, "alice", environment)
    assert keys.standing(STRANGER, environment) is Standing.TRUSTED
    keys.revoke(STRANGER, environment)
    assert keys.standing(STRANGER, environment) is Standing.REVOKED
    assert [(entry.public, entry.name, entry.standing) for entry in keys.known(environment)] == [
        (STRANGER, "alice", Standing.REVOKED)
    ]
    keys.trust(STRANGER, "alice", environment)
    assert keys.standing(STRANGER, environment) is Standing.TRUSTED


def test_ones_own_key_is_trusted_and_an_earlier_one_stays_so(environment):
    first = keys.identity(environment).public
    assert keys.standing(first, environment) is Standing.OWN
    second = keys.renew(environment).public
    assert second == keys.identity(environment).public != first
    assert [keys.standing(public, environment) for public in (first, second)] == [Standing.OWN, Standing.OWN]


def test_an_earlier_key_can_be_revoked_and_the_present_one_only_after_another_was_made(environment):
    mine = keys.identity(environment).public
    with pytest.raises(KeyStoreError, match="leyden key new"):
        keys.revoke(mine, environment)
    keys.renew(environment)
    keys.revoke(mine, environment)
    assert keys.standing(mine, environment) is Standing.REVOKED


def test_a_key_that_cannot_be_read_makes_nobody_ones_own(environment, tmp_path):
    mine = keys.identity(environment).public
    (tmp_path / "home" / "identity.key").write_bytes(b"damaged")
    assert keys.standing(mine, environment) is Standing.UNKNOWN


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"name":"a","standing":"trusted"}',
        '{"name":"a","standing":"boss","since":"x"}',
        '{"name":"a","standing":"trusted","since":"x","more":1}',
        '{"name":1,"standing":"trusted","since":"x"}',
    ],
)
def test_a_damaged_entry_is_an_error_and_never_trust(environment, tmp_path, content):
    keys.trust(STRANGER, "s", environment)
    (tmp_path / "home" / "known" / f"{STRANGER.hex()}.json").write_text(content)
    with pytest.raises(KeyStoreError, match="is damaged. Remove it"):
        keys.standing(STRANGER, environment)


def test_a_key_that_vouches_for_everything_cannot_be_trusted(environment):
    with pytest.raises(KeyStoreError, match="vouches for everything"):
        keys.trust(b"\x01" + bytes(31), "nobody", environment)


def test_a_public_key_is_read_as_it_is_written(tmp_path):
    assert keys.parse(keys.text_of(STRANGER)) == STRANGER
    public = ed25519.Ed25519PublicKey.from_public_bytes(STRANGER)
    (tmp_path / "alice.pem").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert keys.parse(str(tmp_path / "alice.pem")) == STRANGER


@pytest.mark.parametrize("text", ["ed25519:", "ed25519:" + "g" * 64, "ed25519:" + "A" * 64, "nobody"])
def test_text_that_is_no_public_key_is_refused(text):
    with pytest.raises(KeyStoreError, match="public key"):
        keys.parse(text)


def test_a_file_without_a_public_key_of_the_kind_is_refused(tmp_path):
    (tmp_path / "noise").write_bytes(b"noise")
    with pytest.raises(KeyStoreError, match="holds no public key"):
        keys.parse(str(tmp_path / "noise"))
    other = x25519.X25519PrivateKey.generate().public_key()
    (tmp_path / "other").write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(KeyStoreError, match="another kind"):
        keys.parse(str(tmp_path / "other"))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LEYDEN_HOME": "/a", "XDG_CONFIG_HOME": "/b"}, "/a"),
        ({"XDG_CONFIG_HOME": "/b"}, "/b/leyden"),
        ({}, str(Path.home() / ".config" / "leyden")),
    ],
)
def test_keys_lie_where_the_user_says_or_where_settings_are(environment, expected):
    assert str(keys.home(environment)) == expected


def test_models_are_signed_with_a_key_of_their_own_which_is_made_once(environment, tmp_path):
    first, second = keys.publisher(environment), keys.publisher(environment)
    assert first.public_key() == second.public_key()
    assert first.curve.name == "secp256r1"
    assert stat.S_IMODE((tmp_path / "home" / "publisher.key").stat().st_mode) == 0o600


def test_a_key_that_seals_checkpoints_does_not_sign_models(environment, tmp_path):
    keys.identity(environment)
    with pytest.raises(KeyStoreError, match="Models are signed with one of a NIST curve"):
        keys.read_publisher(tmp_path / "home" / "identity.key")
    public = ed25519.Ed25519PublicKey.from_public_bytes(STRANGER)
    (tmp_path / "alice.pem").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(KeyStoreError, match="Models are signed with one of a NIST curve"):
        keys.read_public(tmp_path / "alice.pem")
    with pytest.raises(KeyStoreError, match=r"nowhere\.pem cannot be read"):
        keys.read_public(tmp_path / "nowhere.pem")


def test_a_mounted_key_is_renewed_where_it_is_mounted_from(tmp_path, environment):
    keys.identity(environment)
    environment["LEYDEN_KEY"] = write_private(tmp_path / "mounted", pem(ed25519.Ed25519PrivateKey.generate()))
    with pytest.raises(KeyStoreError, match="LEYDEN_KEY names the key that you sign with"):
        keys.renew(environment)


def test_a_mounted_key_in_use_is_not_revoked(tmp_path, environment):
    private = ed25519.Ed25519PrivateKey.generate()
    environment["LEYDEN_KEY"] = write_private(tmp_path / "mounted", pem(private))
    with pytest.raises(KeyStoreError, match="the key that you sign with"):
        keys.revoke(private.public_key().public_bytes_raw(), environment)


def test_a_key_is_revoked_even_where_ones_own_cannot_be_used(tmp_path, environment):
    environment["LEYDEN_KEY"] = str(tmp_path / "nowhere")
    keys.revoke(STRANGER, environment)
    assert keys.standing(STRANGER, environment) is Standing.REVOKED


@pytest.mark.parametrize("action", ["trust", "revoke", "renew"])
def test_what_cannot_be_kept_says_where_and_the_way_out(tmp_path, action):
    (tmp_path / "file").write_text("")
    nowhere = {"LEYDEN_HOME": str(tmp_path / "file")}
    does = {
        "trust": lambda: keys.trust(STRANGER, "s", nowhere),
        "revoke": lambda: keys.revoke(STRANGER, nowhere),
        "renew": lambda: keys.renew(nowhere),
    }
    with pytest.raises(KeyStoreError, match=r"can be kept in .*file.*Set LEYDEN_HOME"):
        does[action]()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes root's files")
def test_a_key_that_root_has_mounted_for_a_group_is_used_by_its_members(tmp_path, monkeypatch):
    """As orchestrators mount secrets, whose modes their users cannot change."""
    path = write_private(tmp_path / "mounted", pem(ed25519.Ed25519PrivateKey.generate()))
    monkeypatch.setattr(keys.os, "geteuid", lambda: 1000)
    for mode, accepted in ((0o440, True), (0o640, True), (0o460, False), (0o444, False)):
        Path(path).chmod(mode)
        if accepted:
            keys.identity({"LEYDEN_KEY": path})
        else:
            with pytest.raises(KeyStoreError, match="Others may use the key"):
                keys.identity({"LEYDEN_KEY": path})


def test_a_link_in_the_place_of_a_first_key_is_not_written_through(environment, tmp_path):
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home" / "identity.key").symlink_to(tmp_path / "victim")
    with pytest.raises(KeyStoreError, match=r"identity\.key cannot be read"):
        keys.identity(environment)
    assert not (tmp_path / "victim").exists()
    keys.renew(environment)
    assert not (tmp_path / "victim").exists()
    assert not (tmp_path / "home" / "identity.key").is_symlink()


def test_without_a_place_for_keys_nobody_is_known_and_that_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    assert keys.standing(STRANGER, {"LEYDEN_HOME": str(tmp_path / "file")}) is Standing.UNKNOWN
