from __future__ import annotations

import hashlib
import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pyrage
import pytest
import safetensors.torch
import torch
from tests.s3_like import S3Like, nothing_allowed, store
from tests.security.https_server import certificates, file, serving

import leyden as L
from leyden.checkpoint import remote_files
from leyden.checkpoint.load import load, load_weights
from leyden.checkpoint.save import save, save_weights
from leyden.errors import CheckpointError, DigestError, RemoteError, SealError
from leyden.security import keys
from leyden.security.encryption import Encryption
from leyden.security.redact import Secret
from leyden.security.remote import parse

TREE = {"a": torch.arange(5.0), "b": [1, "x"]}
URL = "s3like://bucket/run/a.ckpt"


@pytest.fixture
def objects():
    with store() as objects:
        L.allow_remote("s3like://bucket", largest=10 << 20)
        yield objects


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def same(found: dict) -> bool:
    return torch.equal(found["a"], TREE["a"]) and found["b"] == TREE["b"]


@pytest.mark.parametrize("url", [URL, "memory://test_remote_files/a.ckpt"])
def test_what_is_saved_in_a_store_is_what_is_loaded(objects, url):
    save(TREE, url)
    assert same(load(url))
    save({"a": TREE["a"] + 1}, url)
    assert load(url)["a"].tolist() == [1, 2, 3, 4, 5]


def test_a_local_address_is_a_private_local_file(tmp_path):
    save(TREE, f"file://{tmp_path}/in/a.ckpt")
    assert stat.S_IMODE((tmp_path / "in" / "a.ckpt").stat().st_mode) == 0o600
    assert same(load(f"file://{tmp_path}/in/a.ckpt"))


def test_weights_alone_can_lie_in_a_store(objects):
    save_weights({"a": TREE["a"]}, URL)
    assert load_weights(URL)["a"].tolist() == TREE["a"].tolist()


def test_an_encrypted_checkpoint_can_lie_in_a_store(objects, tmp_path):
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "keys").touch(0o600)
    (tmp_path / "keys").write_text(str(key))
    save(TREE, URL, Encryption(str(key.to_public())))
    assert b"leyden.seal" not in objects["bucket/run/a.ckpt"]
    assert same(load(URL, encryption=Encryption(keys=tmp_path / "keys")))


def test_an_upload_of_many_parts_is_one_object(objects):
    save({"a": torch.arange(1 << 18)}, URL)
    assert len(objects["bucket/run/a.ckpt"]) > 1 << 20
    assert torch.equal(load(URL)["a"], torch.arange(1 << 18))


@pytest.mark.parametrize("parts", [0, 1])
def test_an_upload_that_fails_leaves_the_object_before_it_and_nothing_else(objects, parts):
    save(TREE, URL)
    S3Like.breaks_after = parts
    with pytest.raises(RemoteError, match=r"s3like://bucket/run/a.ckpt: Connection reset by peer"):
        save({"a": torch.zeros(1 << 18)}, URL)
    assert S3Like.unfinished == []
    S3Like.breaks_after = None
    assert same(load(URL))
    save({"a": torch.ones(3)}, URL)  # and the store works again
    assert load(URL)["a"].tolist() == [1, 1, 1]


def test_a_checkpoint_that_cannot_be_written_reaches_the_store_with_no_byte(objects):
    save(TREE, URL)
    S3Like.asked.clear()

    def fails(stream):
        stream.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), remote_files.uploading(parse(URL)) as stream:
        fails(stream)
    assert S3Like.asked == []


def test_a_store_that_keeps_less_than_it_was_given_is_found(objects, monkeypatch):
    monkeypatch.setattr(S3Like, "size", lambda *_: 17)
    with pytest.raises(RemoteError, match=r"not written whole: the store says that it has 17 of"):
        save(TREE, URL)


def test_what_is_not_there_is_an_error_that_names_it(objects):
    with pytest.raises(FileNotFoundError, match=r"check the address: 's3like://bucket/run/b.ckpt'"):
        load("s3like://bucket/run/b.ckpt")


def test_nothing_is_asked_of_a_store_that_was_not_allowed(objects):
    for use in (load, lambda url: save(TREE, url)):
        with pytest.raises(RemoteError, match="nobody has allowed"):
            use("s3like://other/a.ckpt")
    assert S3Like.asked == []


def test_a_file_over_the_limit_is_not_fetched(objects):
    objects["bucket/big"] = bytes((10 << 20) + 1)
    with pytest.raises(RemoteError, match=r"10,485,761 bytes, and 10,485,760 is the limit"):
        load("s3like://bucket/big")
    assert ("get", "bucket/big") not in S3Like.asked


def test_what_lies_in_a_store_is_verified_like_a_file(objects):
    save(TREE, URL)
    content = bytearray(objects["bucket/run/a.ckpt"])
    content[-1] ^= 1
    objects["bucket/run/a.ckpt"] = bytes(content)
    with pytest.raises(DigestError, match=r"^s3like://bucket/run/a.ckpt"):
        load(URL)


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\x80\x02}."])
def test_what_is_no_checkpoint_is_refused(objects, content):
    objects["bucket/x"] = content
    with pytest.raises(CheckpointError, match="^s3like://bucket/x"):
        load("s3like://bucket/x")


def test_a_file_that_is_asked_for_by_its_digest_is_fetched_once_and_compared_each_time(objects, home):
    save(TREE, URL)
    digest = hashlib.sha256(objects["bucket/run/a.ckpt"]).hexdigest()
    named = f"{URL}#sha256={digest}"
    S3Like.asked.clear()
    assert same(load(named))
    assert ("get", "bucket/run/a.ckpt") in S3Like.asked
    S3Like.asked.clear()
    assert same(load(named))
    assert S3Like.asked == []
    kept = home / "cache" / digest
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    kept.write_bytes(b"planted")
    assert same(load(named))
    assert S3Like.asked != []
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == digest


def test_a_file_with_another_digest_is_refused_and_not_kept(objects, home):
    save(TREE, URL)
    with pytest.raises(DigestError, match="not the one that was asked for"):
        load(f"{URL}#sha256={'0' * 64}")
    assert list((home / "cache").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self").exists(), reason="needs a place nobody can write to")
def test_where_nothing_can_be_kept_the_file_is_fetched_each_time(objects, monkeypatch):
    save(TREE, URL)
    digest = hashlib.sha256(objects["bucket/run/a.ckpt"]).hexdigest()
    monkeypatch.setenv("LEYDEN_HOME", "/proc/self/nowhere")
    for _ in range(2):
        S3Like.asked.clear()
        assert same(load(f"{URL}#sha256={digest}"))
        assert S3Like.asked != []


def test_no_copy_stays_on_the_disk(objects, home, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    save(TREE, URL)
    found = load(URL)
    assert same(found)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and home not in path.parents] == []


def test_an_unknown_scheme_and_a_missing_client_are_errors():
    with nothing_allowed():
        L.allow_remote("nosuchscheme://bucket")
        with pytest.raises(RemoteError, match="nosuchscheme:// cannot be used"):
            load("nosuchscheme://bucket/x")


def test_what_a_client_lets_through_that_is_no_oserror_names_the_place_and_no_secret(objects, monkeypatch):
    client = ModuleType("botocore.exceptions")
    client.BotoCoreError = type("BotoCoreError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "botocore.exceptions", client)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2-Correct-Horse")

    def fails(*_, **__):
        raise client.BotoCoreError("no such key: hunter2-Correct-Horse")

    monkeypatch.setattr(S3Like, "info", fails)
    with pytest.raises(RemoteError, match=r"^s3like://bucket/run/a.ckpt: no such key: \[secret\]$"):
        load(URL)


def test_a_client_is_given_its_options_with_secrets_revealed(monkeypatch):
    given = []
    monkeypatch.setattr(S3Like, "__init__", lambda self, **options: given.append(options), raising=False)
    with store():
        L.allow_remote("s3like://bucket", options={"key": "a", "client_kwargs": {"secret": Secret("hunter2")}})
        remote_files._file_system(parse(URL))
    assert given == [{"key": "a", "client_kwargs": {"secret": "hunter2"}}]


def test_local_checkpoints_do_not_need_fsspec(tmp_path):
    program = (
        "import sys; sys.modules['fsspec'] = None\n"
        "from leyden.checkpoint.save import save; from leyden.checkpoint.load import load\n"
        f"save({{'a': 1}}, {str(tmp_path / 'a')!r}); assert load({str(tmp_path / 'a')!r}) == {{'a': 1}}\n"
    )
    done = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": "src"})
    assert done.returncode == 0


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def served(tls, tmp_path):
    """Answers of a server that is allowed, and its address."""
    answers = {}
    with nothing_allowed(), serving(answers, tls[1]) as (url, _):
        L.allow_remote(url, private=True, options={"cafile": str(tls[0])})
        yield answers, url


def checkpoint(tmp_path) -> bytes:
    save(TREE, tmp_path / "a.ckpt")
    return (tmp_path / "a.ckpt").read_bytes()


def test_over_https_a_checkpoint_of_ones_own_is_loaded(served, tmp_path):
    answers, url = served
    answers["/a"] = file(checkpoint(tmp_path))
    assert same(load(f"{url}/a?Signature=secret"))


def test_over_https_one_of_a_stranger_is_refused_and_the_error_has_its_digest(served, tmp_path, monkeypatch):
    answers, url = served
    content = checkpoint(tmp_path)
    answers["/a"] = file(content)
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "another"))
    digest = hashlib.sha256(content).hexdigest()
    with pytest.raises(SealError, match=f"nobody whom you trust has sealed it.*{digest}"):
        load(f"{url}/a?Signature=secret", policy="open")
    assert same(load(f"{url}/a#sha256={digest}"))


def test_over_https_one_of_somebody_whom_the_user_trusts_is_loaded(served, tmp_path, monkeypatch):
    answers, url = served
    answers["/a"] = file(checkpoint(tmp_path))
    public = keys.identity().public
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "another"))
    keys.trust(public, "a friend")
    assert same(load(f"{url}/a"))


def test_over_https_plain_weights_are_loaded_by_their_digest_alone(served):
    answers, url = served
    content = safetensors.torch.save({"a": torch.ones(2)})
    answers["/a"] = file(content)
    with pytest.raises(SealError, match="#sha256="):
        load_weights(f"{url}/a")
    assert load_weights(f"{url}/a#sha256={hashlib.sha256(content).hexdigest()}")["a"].tolist() == [1, 1]


def test_over_https_an_encrypted_one_has_to_be_sealed_inside(served, tmp_path, monkeypatch):
    answers, url = served
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "keys").touch(0o600)
    (tmp_path / "keys").write_text(str(key))
    encryption = Encryption(keys=tmp_path / "keys")
    save(TREE, tmp_path / "a", Encryption(str(key.to_public())))
    answers["/a"] = file((tmp_path / "a").read_bytes())
    assert same(load(f"{url}/a", encryption=encryption))
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "another"))
    with pytest.raises(SealError, match="nobody whom you trust"):
        load(f"{url}/a", encryption=encryption)


def test_over_https_nothing_is_written_there(served):
    with pytest.raises(RemoteError, match="is for reading"):
        save(TREE, f"{served[1]}/a")


def test_a_stream_is_no_address(tmp_path):
    assert same(load(io.BytesIO(checkpoint(tmp_path))))
