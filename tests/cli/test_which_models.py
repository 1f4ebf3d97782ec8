from __future__ import annotations

import pytest

from leyden.checkpoint.save import save
from leyden.cli.main import main
from leyden.wire.origin import Origin

PACKAGES = {"lightning": ("2.6.3", "ab" * 32), "torch": ("2.13.0+cpu", None)}


@pytest.fixture
def folder(tmp_path):
    origin = Origin("ab" * 16, 1, None, "2026-05-01T00:00:00+00:00", 1, 0, packages=PACKAGES)
    save({"a": 1}, tmp_path / "deep" / "bad.ckpt", origin=origin)
    save({"a": 1}, tmp_path / "silent.ckpt")
    (tmp_path / "notes.txt").write_text("lightning==2.6.3")
    return tmp_path


def asked(capsys, *arguments, code):
    assert main(["which-models", *map(str, arguments)]) == code
    return capsys.readouterr()


@pytest.mark.parametrize("package", ["lightning==2.6.3", "Lightning", "lightning>=2.6.2,<2.6.4", "torch<2.14"])
def test_checkpoints_made_with_a_package_are_found(capsys, folder, package):
    told = asked(capsys, "--package", package, folder, code=1).out
    assert f"{folder / 'deep' / 'bad.ckpt'}: " in told
    assert told.endswith("1 checkpoints were made with it; 1 do not say what they were made with.\n")


@pytest.mark.parametrize("package", ["lightning==2.6.6", "lightning-lite", "torch>2.13.0"])
def test_other_versions_and_packages_are_not(capsys, folder, package):
    assert asked(capsys, "--package", package, folder, code=0).out.startswith("0 checkpoints")


def test_what_cannot_be_looked_at_is_no_clean_bill(capsys, folder):
    content = bytearray((folder / "silent.ckpt").read_bytes())
    content[100] ^= 1
    (folder / "silent.ckpt").write_bytes(content)
    assert "silent.ckpt: could not be looked at" in asked(capsys, "--package", "jax", folder, code=2).out


def test_a_requirement_that_is_none_is_refused(capsys, folder):
    assert "Write it as in a list of requirements" in asked(capsys, "--package", "==2", folder, code=2).err


def test_files_of_other_programs_are_counted_as_silent(capsys, folder):
    (folder / "other.ckpt").write_bytes(b"PK\x03\x04")
    header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    (folder / "other.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"x")
    told = asked(capsys, "--package", "jax", folder, code=0).out
    assert told == "0 checkpoints were made with it; 3 do not say what they were made with.\n"


def test_what_is_not_there_is_no_clean_bill(capsys, tmp_path):
    assert "could not be looked at" in asked(capsys, "--package", "jax", tmp_path / "nowhere", code=2).out


def test_a_version_that_is_none_is_told_where_every_version_is_meant(capsys, tmp_path):
    odd = {"jax": ("no-version!", None)}
    save(
        {"a": 1}, tmp_path / "a", origin=Origin("ab" * 16, 1, None, "2026-11-28T01:02:03.000+00:00", 1, 0, packages=odd)
    )
    assert "jax no-version!" in asked(capsys, "--package", "jax", tmp_path, code=1).out
    assert asked(capsys, "--package", "jax==1", tmp_path, code=0).out.startswith("0 checkpoints")
