from __future__ import annotations

import json
import stat
from collections import OrderedDict
from pathlib import Path

import pyrage
import pytest
import safetensors.torch
import torch
from safetensors import safe_open

import leyden as L
from leyden.checkpoint import private
from leyden.checkpoint.export import export
from leyden.checkpoint.lineage import Lineage
from leyden.checkpoint.load import load_weights
from leyden.checkpoint.save import save, save_weights
from leyden.errors import (
    DigestError,
    EncodeError,
    EncryptionError,
    FormatError,
    MismatchError,
    PathError,
    PublicationError,
    SealError,
    SettingsError,
)
from leyden.security import keys, signing
from leyden.wire import envelope

WEIGHT = torch.arange(6.0).reshape(2, 3)


class Loss:
    def __init__(self):
        self.weight = torch.ones(2)


@pytest.fixture
def tree():
    shared = torch.ones(4)
    return {
        "epoch": 3,
        "state_dict": OrderedDict(
            {
                "net.weight": torch.nn.Parameter(WEIGHT),
                "net.half": torch.ones(2, dtype=torch.bfloat16),
                "net.tied": shared,
                "head.tied": shared.reshape(2, 2),
                "net._extra_state": {"x": 1},
            }
        ),
        "optimizer_states": [{"state": {0: {"exp_avg": torch.full((2, 3), 0.5)}}}],
        "callbacks": {"ModelCheckpoint": {"dirpath": "/home/alice/secret-project", "best": "a.ckpt"}},
        "hyper_parameters": {
            "hidden": 64,
            "rates": (0.1, 0.2),
            "names": {"a": None, "b": [True, "x"]},
            "data": "/home/alice/data",
            "loss": Loss(),
            "inf": float("inf"),
            "api_key": "sk-1",
        },
        "leyden": {"run": "x"},
    }


@pytest.fixture
def checkpoint(tmp_path, tree):
    save(tree, tmp_path / "run.ckpt", origin=Lineage.begins().origin(7, 3))
    return tmp_path / "run.ckpt"


def read(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_weights_and_chosen_hyperparameters_are_written_and_nothing_else(checkpoint, tmp_path):
    made = export(checkpoint, tmp_path / "out", hparams=["hidden", "rates", "names"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "config.json",
        "model.safetensors",
        "model.sig",
    ]
    config = {"hidden": 64, "rates": [0.1, 0.2], "names": {"a": None, "b": [True, "x"]}}
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == made.hparams == config
    assert made.left_out == {"net._extra_state": "is no tensor"}
    content = read(tmp_path / "out")
    for private_text in (b"alice", b"exp_avg", b"ModelCheckpoint", b"sk-1", b"leyden.origin", b"Loss"):
        assert private_text not in content
    assert not list(tmp_path.glob(".*"))


def test_without_a_word_no_hyperparameter_is_published(checkpoint, tmp_path):
    export(checkpoint, tmp_path / "out")
    assert (tmp_path / "out" / "config.json").read_text() == "{}\n"


def test_other_programs_and_leyden_read_the_weights(checkpoint, tmp_path):
    export(checkpoint, tmp_path / "out")
    path = tmp_path / "out" / "model.safetensors"
    with safe_open(path, "pt") as file:
        assert file.metadata()["format"] == "pt"  # what transformers asks for
    for found in (safetensors.torch.load_file(path), load_weights(path, policy="strict")):
        assert found.keys() == {"net.weight", "net.half", "net.tied", "head.tied"}
        assert torch.equal(found["net.weight"], WEIGHT)
        assert found["net.half"].dtype == torch.bfloat16
        assert torch.equal(found["head.tied"], torch.ones(2, 2))  # written out, though the checkpoint has it once


def test_the_signature_holds_for_both_files_and_names_the_directory(checkpoint, tmp_path):
    out = tmp_path / "out"
    export(checkpoint, out)
    bundle, public = (out / "model.sig").read_bytes(), keys.publisher().public_key()
    signed = signing.verify(out, bundle, public, ["model.sig"])
    assert (signed.name, signed.files) == ("out", ("config.json", "model.safetensors"))
    (out / "config.json").write_text('{"hidden": 65}')
    with pytest.raises(DigestError, match=r"config\.json"):
        signing.verify(out, bundle, public, ["model.sig"])


def test_a_prefix_is_taken_off_and_the_rest_is_left_out(checkpoint, tmp_path):
    made = export(checkpoint, tmp_path / "out", prefix="net.")
    assert set(made.tensors) == {"weight", "half", "tied"}
    assert made.left_out["head.tied"] == "has another prefix"
    with pytest.raises(MismatchError, match=r"no weights whose names begin with 'body\.', such as 'net\.weight'"):
        export(checkpoint, tmp_path / "other", prefix="body.")
    assert not (tmp_path / "other").exists()


def test_a_file_of_weights_and_an_encrypted_checkpoint_can_be_exported(tree, tmp_path):
    save_weights({"w": WEIGHT}, tmp_path / "w.ckpt")
    assert export(tmp_path / "w.ckpt", tmp_path / "one").tensors == ("w",)
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text(str(key))
    encryption = L.Encryption(to=str(key.to_public()), keys=tmp_path / "key")
    save(tree, tmp_path / "e.ckpt", encryption)
    assert len(export(tmp_path / "e.ckpt", tmp_path / "two", encryption=encryption).tensors) == 4
    with pytest.raises(EncryptionError):
        export(tmp_path / "e.ckpt", tmp_path / "three")


def test_nothing_is_overwritten(checkpoint, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for out in ("empty", "link", "run.ckpt"):
        with pytest.raises(PathError, match="is there already"):
            export(checkpoint, tmp_path / out)


def test_what_is_written_is_private_until_its_owner_says_otherwise(checkpoint, tmp_path):
    export(checkpoint, tmp_path / "deep" / "out")
    assert stat.S_IMODE((tmp_path / "deep" / "out").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "deep" / "out" / "config.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("nothing", SettingsError, "has no hyperparameter 'nothing'. It has: api_key, data, hidden"),
        ("loss", EncodeError, "The hyperparameter loss is object"),
        ("inf", EncodeError, "which JSON lacks"),
        ("api_key", PublicationError, "api_key looks like a secret"),
        ("data", PublicationError, "data holds the path '/home/alice/data'"),
    ],
)
def test_a_hyperparameter_that_cannot_or_must_not_be_published_is_refused(checkpoint, tmp_path, name, error, says):
    with pytest.raises(error) as caught:
        export(checkpoint, tmp_path / "out", hparams=["hidden", name])
    assert says in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.ckpt"]


PRIVATE = {
    "a path": {"x": "/data/imagenet"},
    "a path in a list": {"x": [1, {"y": "a /scratch/me/b"}]},
    "a path as a key": {"x": {"/data/imagenet": 1}},
    "a path of Windows": {"x": "C:\\Users\\me"},
    "a share": {"x": "\\\\server\\me"},
    "a home": {"x": "~/data"},
    "a URL of a file": {"x": "file:///data"},
    "a URL with a user": {"x": "https://me:pw@example.org/data"},
    "a query": {"x": "https://example.org/data?token=1"},
    "a hidden secret": {"x": ["[secret]"]},
    "the user": {"x": "run of Alice-17"},
    "a secret's value": {"x": "prefix hunter2hunter2"},
}


@pytest.mark.parametrize("chosen", PRIVATE.values(), ids=PRIVATE)
def test_what_is_private_in_a_hyperparameter_is_found(monkeypatch, chosen):
    monkeypatch.setenv("LOGNAME", "alice")
    monkeypatch.setenv("DB_PASSWORD", "hunter2hunter2")
    with pytest.raises(PublicationError, match=r"The hyperparameter x .*Leave it out"):
        private.check_hyperparameters(chosen)


@pytest.mark.parametrize(
    "value",
    [
        "a/b",
        "train/loss",
        "/",
        "N/A",
        "https://example.org/a/b",
        "s3://bucket/a",
        "4:3",
        "x ~ y",
        "malice",
        3,
        None,
        [0.5],
    ],
)
def test_what_is_harmless_is_not_taken_for_private(monkeypatch, value):
    monkeypatch.setenv("LOGNAME", "alice")
    private.check_hyperparameters({"x": value})


def test_a_user_whose_name_says_nothing_may_stand_in_words(monkeypatch):
    monkeypatch.setenv("LOGNAME", "root")
    private.check_hyperparameters({"x": "root mean square"})


@pytest.mark.parametrize("what", ["run", "parent", "secret", "home"])
def test_what_is_private_in_a_name_of_a_tensor_is_found_and_leaves_nothing(tmp_path, monkeypatch, what):
    monkeypatch.setenv("API_TOKEN", "abcdefgh12345678")
    monkeypatch.setenv("HOME", "/home/somebody")
    origin = Lineage.after("ab" * 32).origin(1, 0)
    name = {"run": origin.run, "parent": origin.parent, "secret": "abcdefgh12345678", "home": "/home/somebody/x"}[what]
    save({"state_dict": {f"net.{name}": WEIGHT}}, tmp_path / "a.ckpt", origin=origin)
    with pytest.raises(PublicationError, match=r"What would be published holds .*, in model\.safetensors"):
        export(tmp_path / "a.ckpt", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ckpt"]


def test_a_secret_in_the_numbers_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "abcdefgh12345678")
    hidden = torch.frombuffer(bytearray(b"xxxxabcdefgh12345678"), dtype=torch.uint8)
    save({"state_dict": {"w": hidden}}, tmp_path / "a.ckpt")
    with pytest.raises(PublicationError, match="the value of a secret variable"):
        export(tmp_path / "a.ckpt", tmp_path / "out")


def test_what_the_auditor_finds_is_not_published(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "planted.pkl").write_bytes(b"cos\nsystem\n(S'id'\ntR.")
    with pytest.raises(PublicationError, match=r"is not clean \(LEY\d+\)"):
        private.check_clean(tmp_path, ("config.json",), None)


def test_types_that_other_programs_do_not_read_are_refused(tmp_path):
    save({"state_dict": {"w": torch.ones(2, dtype=torch.complex128)}}, tmp_path / "a.ckpt")
    with pytest.raises(EncodeError, match="w is of complex128, which other programs do not read"):
        export(tmp_path / "a.ckpt", tmp_path / "out")


@pytest.mark.parametrize("name", ["__metadata__", "x" * 301])
def test_a_name_that_no_safetensors_file_can_have_is_refused(tmp_path, name):
    save({"state_dict": {name: WEIGHT}}, tmp_path / "a.ckpt")
    with pytest.raises(EncodeError, match="No safetensors file can have a tensor under the name"):
        export(tmp_path / "a.ckpt", tmp_path / "out")


def test_a_checkpoint_that_is_damaged_or_not_accepted_is_not_exported(checkpoint, tmp_path):
    content = bytearray(checkpoint.read_bytes())
    content[-1] ^= 1
    checkpoint.write_bytes(content)
    with pytest.raises(DigestError):
        export(checkpoint, tmp_path / "out")
    with checkpoint.open("w+b") as stream:
        envelope.write(stream, {}, "{}")
    with pytest.raises(SealError, match="rule 'unsealed'"):
        export(checkpoint, tmp_path / "out", policy="strict")


def test_what_is_no_checkpoint_of_leydens_is_refused_with_the_way_out(tmp_path):
    save({"epoch": 1}, tmp_path / "none.ckpt")
    with pytest.raises(FormatError, match="has no weights"):
        export(tmp_path / "none.ckpt", tmp_path / "out")
    safetensors.torch.save_file({"w": WEIGHT}, tmp_path / "w.safetensors")
    torch.save({"state_dict": {"w": WEIGHT}}, tmp_path / "torch.ckpt")
    with pytest.raises(FormatError, match="leyden convert"):
        export(tmp_path / "w.safetensors", tmp_path / "out")
    with pytest.raises(FormatError, match=r"torch\.ckpt is not a checkpoint"):
        export(tmp_path / "torch.ckpt", tmp_path / "out")
