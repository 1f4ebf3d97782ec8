from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from leyden.checkpoint import sealing, trust
from leyden.checkpoint.lineage import Lineage
from leyden.checkpoint.load import read
from leyden.checkpoint.save import encoded, save
from leyden.checkpoint.store import Moment, Store
from leyden.core.warnings import LeydenWarning
from leyden.errors import KeyStoreError, SealError
from leyden.security.keys import Identity, home
from leyden.security.policy import Policy
from leyden.wire import envelope

STRANGER = Identity(Ed25519PrivateKey.from_private_bytes(b"s" * 32))


def saved(store: Store, path: Path, step: int) -> Path:
    store.write(encoded({"global_step": step}), path, Moment(step, 0))
    return path


def found(path: Path, policy: Policy = Policy.DEFAULT) -> int:
    trust._WRITTEN.clear()  # what a process wrote counts as its own, and this is about the next one
    return Store(policy).read(path, goes_on=False, by_name=True)["global_step"]


def foreign(path: Path, signer: Identity | None, step: int = 9, **origin) -> Path:
    """A checkpoint that somebody else made."""
    tree = encoded({"global_step": step})
    path.parent.mkdir(exist_ok=True)
    with path.open("w+b") as stream:
        envelope.write(stream, tree.leaves, tree.text, signer, origin.get("origin"))
    return path


def refused(path: Path, rule: str, policy: Policy = Policy.DEFAULT) -> str:
    with pytest.raises(SealError, match=rf"is not read: .*\(rule '{rule}'\).*replace\(policy, {rule}=True\)") as caught:
        found(path, policy)
    allowed = replace(policy, **{rule: True})
    found(path, allowed)
    return str(caught.value)


@pytest.mark.parametrize("signer", [None, STRANGER], ids=["unsealed", "sealed by a stranger"])
def test_what_somebody_put_in_the_place_of_a_checkpoint_is_refused(tmp_path, signer):
    store = Store()
    saved(store, tmp_path / "last.ckpt", 1)
    claims = store.lineage.origin(9, 0)
    for origin in (None, claims):
        foreign(tmp_path / "last.ckpt", signer, origin=origin)
        told = refused(tmp_path / "last.ckpt", "unproven", replace(Policy.DEFAULT, rolled_back=True))
        assert "wrote its save 1 there, and nothing shows that this is yours" in told


@pytest.mark.parametrize("signer", [None, STRANGER], ids=["unsealed", "sealed by a stranger"])
def test_what_nobody_named_has_to_be_shown_to_be_ones_own(tmp_path, signer):
    foreign(tmp_path / "last.ckpt", signer)
    assert "nothing shows that a run of yours wrote it" in refused(tmp_path / "last.ckpt", "unproven")


def test_the_checkpoint_of_another_run_is_refused_in_the_place_of_this_ones(tmp_path):
    saved(Store(), tmp_path / "one" / "last.ckpt", 1)
    saved(Store(), tmp_path / "two" / "last.ckpt", 2)
    shutil.copy(tmp_path / "two" / "last.ckpt", tmp_path / "one" / "last.ckpt")
    assert "it was rolled back or swapped" in refused(tmp_path / "one" / "last.ckpt", "rolled_back")


def test_a_run_that_wrote_over_another_ones_checkpoint_is_not_taken_for_an_attack(tmp_path):
    saved(Store(), tmp_path / "last.ckpt", 1)
    shutil.copy(tmp_path / "last.ckpt", tmp_path / "old")
    saved(Store(), tmp_path / "last.ckpt", 2)
    assert found(tmp_path / "last.ckpt") == 2
    shutil.copy(tmp_path / "old", tmp_path / "last.ckpt")
    refused(tmp_path / "last.ckpt", "rolled_back")


def test_best_and_last_that_were_exchanged_are_refused(tmp_path):
    store = Store()
    best, last = saved(store, tmp_path / "best.ckpt", 1), saved(store, tmp_path / "last.ckpt", 2)
    best.rename(tmp_path / "third")
    last.rename(best)
    (tmp_path / "third").rename(last)
    assert "rolled back or swapped" in refused(best, "rolled_back")
    assert "rolled back or swapped" in refused(last, "rolled_back")


def test_a_link_is_refused_that_was_turned_to_an_older_checkpoint(tmp_path):
    store = Store()
    saved(store, tmp_path / "one.ckpt", 1)
    saved(store, tmp_path / "two.ckpt", 2)
    (tmp_path / "last.ckpt").symlink_to("two.ckpt")
    store.linked(tmp_path / "last.ckpt", tmp_path / "two.ckpt")
    assert found(tmp_path / "last.ckpt") == 2
    (tmp_path / "last.ckpt").unlink()
    (tmp_path / "last.ckpt").symlink_to("one.ckpt")
    refused(tmp_path / "last.ckpt", "rolled_back")


def test_a_link_is_read_that_was_about_to_be_made_anew(tmp_path):
    store = Store()
    saved(store, tmp_path / "best.ckpt", 1)
    (tmp_path / "last.ckpt").symlink_to("best.ckpt")
    store.linked(tmp_path / "last.ckpt", tmp_path / "best.ckpt")
    saved(store, tmp_path / "best.ckpt", 2)  # and then the process died
    assert found(tmp_path / "last.ckpt") == 2


def test_a_file_is_refused_that_became_a_link_to_an_older_one(tmp_path):
    store = Store()
    saved(store, tmp_path / "one.ckpt", 1)
    saved(store, tmp_path / "last.ckpt", 2).unlink()
    (tmp_path / "last.ckpt").symlink_to("one.ckpt")
    refused(tmp_path / "last.ckpt", "rolled_back")


def test_a_directory_that_was_copied_or_moved_is_no_attack(tmp_path):
    saved(Store(), tmp_path / "run" / "last.ckpt", 1)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    assert found(tmp_path / "copy" / "last.ckpt") == 1
    (tmp_path / "run").rename(tmp_path / "moved")
    assert found(tmp_path / "moved" / "last.ckpt") == 1
    assert "no record of it" in refused(tmp_path / "moved" / "last.ckpt", "unrecorded", Policy.STRICT)


def test_what_a_process_wrote_before_it_died_or_another_machine_wrote_is_read(tmp_path):
    store = Store()
    saved(store, tmp_path / "last.ckpt", 1)
    record = home() / "runs" / f"{store.lineage.run}.jsonl"
    before = record.read_bytes()
    saved(store, tmp_path / "last.ckpt", 2)
    record.write_bytes(before)
    assert found(tmp_path / "last.ckpt") == 2


def test_what_a_new_run_wrote_over_an_old_ones_before_it_died_is_read(tmp_path):
    saved(Store(), tmp_path / "last.ckpt", 1)
    store = Store()
    saved(store, tmp_path / "last.ckpt", 2)
    (home() / "runs" / f"{store.lineage.run}.jsonl").unlink()
    assert found(tmp_path / "last.ckpt") == 2


def test_an_old_run_without_a_record_is_refused_in_the_place_of_a_new_one(tmp_path):
    store = Store()
    saved(store, tmp_path / "last.ckpt", 1)
    shutil.copy(tmp_path / "last.ckpt", tmp_path / "old")
    (home() / "runs" / f"{store.lineage.run}.jsonl").unlink()
    saved(Store(), tmp_path / "last.ckpt", 2)
    shutil.copy(tmp_path / "old", tmp_path / "last.ckpt")
    refused(tmp_path / "last.ckpt", "rolled_back")


def test_an_older_branch_of_another_machine_is_refused(tmp_path):
    store = Store()
    saved(store, tmp_path / "last.ckpt", 1)
    record = home() / "runs" / f"{store.lineage.run}.jsonl"
    before, origin = record.read_bytes(), read(tmp_path / "last.ckpt")
    saved(store, tmp_path / "last.ckpt", 2)
    shutil.copy(tmp_path / "last.ckpt", tmp_path / "branch")
    record.write_bytes(before)  # the other machine's branch is not in this one's record
    here = Store(lineage=Lineage.goes_on(origin.origin, origin.digest))
    saved(here, tmp_path / "last.ckpt", 3)
    shutil.copy(tmp_path / "branch", tmp_path / "last.ckpt")
    refused(tmp_path / "last.ckpt", "rolled_back")


def test_an_edited_record_is_an_error_and_no_reason_to_go_on(tmp_path):
    store = Store()
    saved(store, tmp_path / "last.ckpt", 1)
    record = home() / "runs" / f"{store.lineage.run}.jsonl"
    record.write_text(record.read_text().replace('",1,"', '",2,"'))
    with pytest.raises(KeyStoreError, match="was changed by somebody else"):
        found(tmp_path / "last.ckpt")


def test_where_the_user_has_no_key_their_own_checkpoints_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("LEYDEN_KEY", str(tmp_path / "nowhere"))
    sealing._signer.cache_clear()
    with pytest.warns(LeydenWarning, match="saved without a seal"):
        saved(Store(), tmp_path / "last.ckpt", 1)
    assert found(tmp_path / "last.ckpt") == 1
    foreign(tmp_path / "last.ckpt", STRANGER)
    refused(tmp_path / "last.ckpt", "unproven")


def test_what_shows_nothing_is_not_chosen(tmp_path):
    store = Store()
    mine = saved(store, tmp_path / "last.ckpt", 1)
    assert not store.is_planted(mine)
    assert store.is_planted(foreign(tmp_path / "last-v1.ckpt", STRANGER))
    assert store.is_planted(tmp_path / "nowhere")
    (tmp_path / "noise").write_bytes(b"noise" * 20)
    assert store.is_planted(tmp_path / "noise")
    assert not Store(Policy.OPEN).is_planted(tmp_path / "last-v1.ckpt")


def test_a_run_that_begins_with_a_strangers_checkpoint_is_one_of_its_own(tmp_path):
    """Else the file could say that it is a run of the user's, and continue its record."""
    store, theirs = Store(), Store()
    saved(store, tmp_path / "mine.ckpt", 1)
    foreign(tmp_path / "theirs.ckpt", STRANGER, origin=replace(store.lineage.origin(9, 0), number=(1 << 53) - 1))
    theirs.read(tmp_path / "theirs.ckpt", goes_on=True, by_name=False)
    saved(theirs, tmp_path / "next.ckpt", 10)
    origin = read(tmp_path / "next.ckpt").origin
    assert (origin.run == store.lineage.run, origin.number) == (False, 1)
    assert origin.parent == read(tmp_path / "theirs.ckpt").digest


def test_a_run_goes_on_after_what_has_no_origin(tmp_path):
    digest = save({"global_step": 3}, tmp_path / "a.ckpt")
    store = Store()
    store.read(tmp_path / "a.ckpt", goes_on=True, by_name=False)
    saved(store, tmp_path / "b.ckpt", 4)
    assert read(tmp_path / "b.ckpt").origin.parent == digest
