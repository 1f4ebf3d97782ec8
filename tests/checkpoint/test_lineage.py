from __future__ import annotations

import warnings

import pytest
import torch

from leyden.checkpoint import lineage
from leyden.checkpoint.lineage import Lineage, packages, revision
from leyden.checkpoint.save import save
from leyden.core.warnings import LeydenWarning
from leyden.security import keys, ledger
from leyden.wire import envelope


def saved(chain, path, step):
    origin = chain.origin(step, epoch=0)
    digest = save({"a": step}, path, origin=origin)
    chain.committed(origin, digest, path)
    return digest


def test_each_checkpoint_names_the_one_before_it_and_the_ledger_has_them_all(tmp_path):
    chain = Lineage.begins()
    digests = [saved(chain, tmp_path / f"{step}.ckpt", step) for step in (1, 2, 3)]
    origins = [envelope.read(memoryview((tmp_path / f"{s}.ckpt").read_bytes()), "x").origin for s in (1, 2, 3)]
    assert [origin.parent for origin in origins] == [None, *digests[:2]]
    assert [(origin.number, origin.step) for origin in origins] == [(1, 1), (2, 2), (3, 3)]
    assert {origin.run for origin in origins} == {chain.run}
    assert [entry.digest for entry in ledger.read(chain.run)] == digests


def test_a_save_that_fails_leaves_no_gap(tmp_path):
    chain = Lineage.begins()
    chain.origin(1, 0)
    digest = saved(chain, tmp_path / "a", 1)
    assert (chain.number, chain.parent) == (1, digest)


def test_a_resumed_run_goes_on_under_its_name(tmp_path):
    first = Lineage.begins()
    digest = saved(first, tmp_path / "a", 1)
    origin = envelope.read(memoryview((tmp_path / "a").read_bytes()), "x").origin
    second = Lineage.goes_on(origin, digest)
    assert (second.run, second.number, second.origin(2, 0).parent) == (first.run, 1, digest)


def test_the_name_of_a_run_takes_nothing_from_the_programs_random_numbers():
    before = torch.get_rng_state()
    assert Lineage.begins().run != Lineage.begins().run
    assert torch.equal(before, torch.get_rng_state())


def test_without_a_ledger_training_goes_on_with_one_warning(tmp_path, monkeypatch):
    keys.identity()
    monkeypatch.setenv("LEYDEN_KEY", str(keys.home() / "identity.key"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "file"))
    lineage._warn_once.cache_clear()
    chain = Lineage.begins()
    with pytest.warns(LeydenWarning, match="rolled back or swapped cannot be found"):
        chain.committed(chain.origin(1, 0), "ab" * 32, tmp_path / "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chain.committed(chain.origin(2, 0), "cd" * 32, tmp_path / "a")
    assert chain.number == 2


def test_without_a_key_there_is_no_ledger_and_training_goes_on(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "file"))
    chain = Lineage.begins()
    with pytest.warns(LeydenWarning, match="saved without a seal"):
        chain.committed(chain.origin(1, 0), "ab" * 32, tmp_path / "a")
    assert (chain.number, chain.parent) == (1, "ab" * 32)


def test_a_link_is_noted_with_the_digest_of_what_it_leads_to(tmp_path):
    chain = Lineage.begins()
    digest = saved(chain, tmp_path / "a.ckpt", 1)
    saved(chain, tmp_path / "b.ckpt", 2)
    chain.linked(tmp_path / "last.ckpt", tmp_path / "a.ckpt")
    assert ledger.read(chain.run)[-1].digest == digest
    assert ledger.read(chain.run)[-1].path == str(tmp_path / "last.ckpt")


def test_packages_are_named_with_version_and_record(tmp_path, monkeypatch):
    for place, version in (("one", "2.6.3"), ("two", "2.6.6")):
        folder = tmp_path / place / f"Py_Torch.Lightning-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "RECORD").write_text("x,sha256=y,1\n")
    for odd in ("a b-1.dist-info", "é-1.dist-info", "-1.dist-info", "x-1\n.dist-info"):  # no installer writes these
        (tmp_path / "one" / odd).mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path / "one"), str(tmp_path / "nowhere"), str(tmp_path / "two")])
    packages.cache_clear()
    try:
        ((name, (version, digest)),) = packages()
    finally:
        packages.cache_clear()
    assert (name, version, len(digest)) == ("py-torch-lightning", "2.6.3", 64)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"HEAD": "ab" * 20}, "ab" * 20),
        ({"HEAD": "ref: refs/heads/main\n", "refs/heads/main": "cd" * 20 + "\n"}, "cd" * 20),
        ({"HEAD": "ref: refs/heads/a/b", "packed-refs": f"# x\n{'ef' * 20} refs/heads/a/b\n"}, "ef" * 20),
        ({"HEAD": "ref: refs/heads/main"}, None),
        ({"HEAD": "ref: ../../secret"}, None),
        ({"HEAD": "noise"}, None),
    ],
)
def test_the_revision_is_read_without_running_git(tmp_path, files, expected):
    for name, content in files.items():
        (tmp_path / ".git" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / ".git" / name).write_text(content)
    (tmp_path / "src" / "deep").mkdir(parents=True)
    assert revision(str(tmp_path / "src" / "deep")) == expected


def test_a_work_tree_elsewhere_is_not_taken_for_the_repository_around_it(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ab" * 20)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / ".git").write_text("gitdir: elsewhere")
    assert revision(str(tmp_path / "work")) is None


def test_a_working_directory_that_was_deleted_keeps_nothing_from_being_saved(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    assert Lineage.begins().origin(1, 0).code is None
