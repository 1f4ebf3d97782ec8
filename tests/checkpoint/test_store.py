from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from torch.utils.data import DataLoader

import leyden as L
from leyden.checkpoint import lineage, trust
from leyden.checkpoint.load import load, read
from leyden.checkpoint.save import encoded, save
from leyden.checkpoint.store import Moment, Store, moment_of
from leyden.core.warnings import LeydenWarning
from leyden.errors import EncryptionError, PolicyError, SealError, SettingsError
from leyden.security import keys, ledger
from leyden.security.keys import Identity, home, identity
from leyden.security.policy import Policy
from leyden.wire import envelope


class Tiny(L.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch, batch_idx):
        return self.layer(batch).sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Valid(Tiny):
    def validation_step(self, batch, batch_idx):
        return None


def trainer(folder: Path, epochs: int = 1, **more) -> L.Trainer:
    saver = L.callbacks.ModelCheckpoint(folder, save_last=True, save_top_k=0)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    return L.Trainer(max_epochs=epochs, callbacks=[saver], accelerator="cpu", **quiet, **more)


def fitted(folder: Path, epochs: int = 1, ckpt_path=None, **more) -> L.Trainer:
    made = trainer(folder, epochs, **more)
    made.fit(Tiny(), DataLoader(torch.ones(4, 2), batch_size=2), ckpt_path=ckpt_path)
    return made


def test_a_resumed_run_goes_on_with_the_chain_of_the_one_before(tmp_path):
    fitted(tmp_path)
    first = read(tmp_path / "last.ckpt")
    fitted(tmp_path, 2, ckpt_path="last")
    second = read(tmp_path / "last.ckpt")
    assert first.origin is not None
    assert (first.origin.number, first.origin.step, first.origin.parent) == (1, 2, None)
    assert (second.origin.run, second.origin.number, second.origin.step) == (first.origin.run, 2, 4)
    assert second.origin.parent == first.digest
    assert [entry.digest for entry in ledger.read(first.origin.run)] == [first.digest, second.digest]
    assert "torch" in second.origin.packages


def test_a_last_checkpoint_that_was_rolled_back_is_refused_unless_it_is_named(tmp_path):
    fitted(tmp_path)
    shutil.copy(tmp_path / "last.ckpt", tmp_path / "old")
    fitted(tmp_path, 2, ckpt_path="last")
    shutil.copy(tmp_path / "old", tmp_path / "last.ckpt")
    with pytest.raises(SealError, match=r"last\.ckpt is not read.*rolled back.*rule 'rolled_back'"):
        fitted(tmp_path, 3, ckpt_path="last")
    allowed = replace(Policy.DEFAULT, rolled_back=True)
    assert fitted(tmp_path, 2, ckpt_path="last", policy=allowed).global_step == 4
    shutil.copy(tmp_path / "old", tmp_path / "last.ckpt")
    assert fitted(tmp_path, 2, ckpt_path=tmp_path / "last.ckpt").global_step == 4


def planted(source: Path, path: Path, **journal) -> None:
    """A copy of a checkpoint that a stranger has changed and sealed."""
    tree = load(source)
    (state,) = tree["callbacks"].values()
    state["leyden"].update(journal)
    content = encoded(tree)
    with path.open("w+b") as stream:
        stranger = Identity(Ed25519PrivateKey.from_private_bytes(b"s" * 32))
        envelope.write(stream, content.leaves, content.text, stranger, read(source).origin)


def test_a_planted_last_checkpoint_is_passed_over_with_a_warning(tmp_path):
    fitted(tmp_path)
    planted(tmp_path / "last.ckpt", tmp_path / "last-v1.ckpt", count=99, file="last-v1.ckpt")
    with pytest.warns(LeydenWarning, match=r"last-v1\.ckpt'\] are passed over: nothing shows"):
        resumed = fitted(tmp_path, 2, ckpt_path="last")
    assert resumed.ckpt_path == str(tmp_path / "last.ckpt")
    assert resumed.global_step == 4


def test_a_planted_checkpoint_that_stands_alone_is_refused(tmp_path):
    fitted(tmp_path / "mine")
    (tmp_path / "run").mkdir()
    planted(tmp_path / "mine" / "last.ckpt", tmp_path / "run" / "last.ckpt", count=99)
    with pytest.raises(SealError, match="rule 'unproven'"):
        fitted(tmp_path / "run", 2, ckpt_path="last")


def test_a_planted_checkpoint_does_not_name_files_for_deletion(tmp_path):
    fitted(tmp_path)
    journal = next(iter(load(tmp_path / "last.ckpt")["callbacks"].values()))["leyden"]
    digest = save({"precious": 1}, tmp_path / "precious.ckpt")
    name = "planted.ckpt"
    says = {"file": name, "after": journal["save"], "save": "ab" * 16, "count": 2, "first": journal["first"]}
    says |= {"leaving": ["precious.ckpt"], "digests": {"precious.ckpt": digest}}
    planted(tmp_path / "last.ckpt", tmp_path / name, **says)
    fitted(tmp_path, 2, ckpt_path="last")
    assert load(tmp_path / "precious.ckpt") == {"precious": 1}
    assert (tmp_path / name).exists()


def test_a_link_to_the_newest_is_the_last_and_one_that_was_turned_is_refused(tmp_path):
    saver = L.callbacks.ModelCheckpoint(tmp_path, save_last="link", save_top_k=-1)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}
    made = L.Trainer(max_epochs=2, callbacks=[saver], **quiet)
    made.fit(Tiny(), DataLoader(torch.ones(4, 2), batch_size=2))
    made.validate(Valid(), DataLoader(torch.ones(4, 2)), ckpt_path="last")
    oldest = next(path for path in tmp_path.iterdir() if path.name.startswith("epoch=0"))
    (tmp_path / "last.ckpt").unlink()
    (tmp_path / "last.ckpt").symlink_to(oldest.name)
    with pytest.raises(SealError, match="rule 'rolled_back'"):
        made.validate(Valid(), DataLoader(torch.ones(4, 2)), ckpt_path="last")


def stranger(folder, monkeypatch, **origin):
    """A checkpoint of somebody else's, who knows everything but the user's key."""
    mine = (folder / "last.ckpt").read_bytes()
    monkeypatch.setenv("LEYDEN_HOME", str(folder / "of a stranger"))
    tree = read(folder / "last.ckpt")
    save(tree.tree, folder / "last.ckpt", origin=replace(tree.origin, **origin) if origin else None)
    monkeypatch.undo()
    assert (folder / "last.ckpt").read_bytes() != mine


@pytest.mark.parametrize("origin", [{}, {"step": 9}, {"run": "ab" * 16}], ids=["none", "the run's", "of no run"])
def test_a_last_checkpoint_that_was_planted_is_refused_unless_it_is_named(tmp_path, monkeypatch, origin):
    fitted(tmp_path)
    stranger(tmp_path, monkeypatch, **origin)
    trust._WRITTEN.clear()  # this process played the stranger
    with pytest.raises(SealError, match=r"last\.ckpt is not read.*rule 'unproven'"):
        fitted(tmp_path, 2, ckpt_path="last")
    assert fitted(tmp_path, 2, ckpt_path=tmp_path / "last.ckpt").global_step == 4


def test_a_pickled_file_in_the_place_of_the_last_is_refused_unless_it_is_named(tmp_path):
    trainer = fitted(tmp_path)
    torch.save({"state_dict": trainer.model.state_dict()}, tmp_path / "last.ckpt")
    with pytest.raises(SealError, match=r"last\.ckpt is not read.*rule 'unproven'"):
        fitted(tmp_path, 2, ckpt_path="last")


def test_a_checkpoint_of_another_run_in_the_place_of_the_last_is_refused(tmp_path):
    for name in ("a", "b"):
        fitted(tmp_path / name)
    shutil.copy(tmp_path / "b" / "last.ckpt", tmp_path / "a" / "last.ckpt")
    with pytest.raises(SealError, match=r"last\.ckpt is not read.*rule 'rolled_back'"):
        fitted(tmp_path / "a", 2, ckpt_path="last")


def test_a_directory_that_was_copied_goes_on(tmp_path):
    fitted(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert fitted(tmp_path / "b", 2, ckpt_path="last").global_step == 4


def test_a_directory_from_another_machine_goes_on_once_its_key_is_trusted(tmp_path, monkeypatch):
    fitted(tmp_path / "a")
    signer = keys.identity().public
    trust._WRITTEN.clear()
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "another machine"))
    with pytest.raises(SealError, match="leyden key trust ed25519:.*rule 'unproven'"):
        fitted(tmp_path / "a", 2, ckpt_path="last")
    keys.trust(signer, "me, elsewhere")
    assert fitted(tmp_path / "a", 2, ckpt_path="last").global_step == 4


def test_no_checkpoint_is_picked_up_that_nobody_named(tmp_path):
    fitted(tmp_path)
    for name in ("hpc_ckpt_1.ckpt", ".pl_auto_save.ckpt", "hpc_ckpt.ckpt"):  # which Lightning looks for by itself
        shutil.copy(tmp_path / "last.ckpt", tmp_path / name)
    assert fitted(tmp_path, default_root_dir=tmp_path).global_step == 2


def test_a_checkpoint_does_not_say_where_it_was_written(tmp_path):
    fitted(tmp_path / "a secret place", default_root_dir=tmp_path / "a secret place")
    assert b"secret" not in (tmp_path / "a secret place" / "last.ckpt").read_bytes()


def test_a_checkpoint_whose_process_died_before_it_was_noted_is_read(tmp_path):
    store = Store()
    for step in (1, 2):
        store.write(encoded({"global_step": step}), tmp_path / "a", Moment(step, 0))
    origin = read(tmp_path / "a").origin
    record = home() / "runs" / f"{origin.run}.jsonl"
    record.write_text(record.read_text().splitlines()[0] + "\n")
    assert Store().read(tmp_path / "a", False, True) == {"global_step": 2}


def test_what_a_fork_wrote_last_is_the_last(tmp_path):
    fitted(tmp_path)
    shutil.copy(tmp_path / "last.ckpt", tmp_path / "first")
    fitted(tmp_path, 3, ckpt_path="last")
    fitted(tmp_path, 2, ckpt_path=tmp_path / "first")  # from the first once more, under the same name
    assert fitted(tmp_path, 2, ckpt_path="last").global_step == 4


def test_an_encrypted_run_resumes_and_is_nowhere_plain(tmp_path):
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "keys").touch(0o600)
    (tmp_path / "keys").write_text(str(key))
    encryption = L.Encryption(to=str(key.to_public()), keys=tmp_path / "keys")
    fitted(tmp_path / "run", encryption=encryption)
    assert all(b"state_dict" not in path.read_bytes() for path in (tmp_path / "run").iterdir())
    assert fitted(tmp_path / "run", 2, ckpt_path=tmp_path / "run" / "last.ckpt", encryption=encryption).global_step == 4
    with pytest.raises(EncryptionError, match="nothing was given that opens it"):
        fitted(tmp_path / "run", 2, ckpt_path=tmp_path / "run" / "last.ckpt")


def test_the_time_of_a_file_does_not_choose_the_last_of_an_encrypted_run(tmp_path):
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "keys").touch(0o600)
    (tmp_path / "keys").write_text(str(key))
    encryption = L.Encryption(to=str(key.to_public()), keys=tmp_path / "keys")
    for epochs in (1, 2):  # the second is a run of its own, beside the first
        fitted(tmp_path, epochs, encryption=encryption)
    later = (tmp_path / "last-v1.ckpt").stat().st_mtime_ns + 10**9
    os.utime(tmp_path / "last.ckpt", ns=(later, later))
    assert fitted(tmp_path, 3, "last", encryption=encryption).ckpt_path == str(tmp_path / "last-v1.ckpt")


def test_where_no_record_can_be_kept_a_run_reads_its_own_best_and_last_under_strict(tmp_path, monkeypatch):
    identity()
    monkeypatch.setenv("LEYDEN_KEY", str(home() / "identity.key"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "file"))
    lineage._warn_once.cache_clear()
    with pytest.warns(LeydenWarning, match="No record of this run can be kept"):
        made = fitted(tmp_path, policy="strict")
    made.validate(Valid(), DataLoader(torch.ones(4, 2)), ckpt_path="last")
    with pytest.raises(SealError, match="rule 'unrecorded'"):
        fitted(tmp_path, 2, "last", policy="strict")


def test_the_policy_of_a_trainer_counts_for_what_it_reads(tmp_path, monkeypatch):
    monkeypatch.setenv("LEYDEN_KEY", str(tmp_path / "nowhere"))
    with pytest.warns(LeydenWarning, match="saved without a seal"):
        fitted(tmp_path)
    monkeypatch.delenv("LEYDEN_KEY")
    with pytest.raises(SealError, match="rule 'unsealed'"):
        fitted(tmp_path, 2, ckpt_path=tmp_path / "last.ckpt", policy="strict")
    assert fitted(tmp_path, 2, ckpt_path=tmp_path / "last.ckpt").global_step == 4


def test_settings_without_a_meaning_are_refused_when_the_trainer_is_built(tmp_path, monkeypatch):
    with pytest.raises(PolicyError, match="is no level"):
        trainer(tmp_path, policy="lax")
    for encryption in ("age1x", L.Encryption()):
        with pytest.raises(SettingsError, match="does not say for whom to encrypt"):
            trainer(tmp_path, encryption=encryption)
    monkeypatch.setenv("LEYDEN_KEY", str(tmp_path / "nowhere"))
    with pytest.raises(PolicyError, match="rule 'seals'"):
        trainer(tmp_path, policy="strict")


def test_each_checkpoint_names_its_data_and_a_resumed_run_warns_of_other_data(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("a")
    before = L.data.manifest(tmp_path / "data")
    fitted(tmp_path, data_manifest=before)
    assert read(tmp_path / "last.ckpt").origin.data == before.digest
    fitted(tmp_path, 2, ckpt_path="last", data_manifest=tmp_path / "data")
    assert read(tmp_path / "last.ckpt").origin.data == before.digest
    (tmp_path / "data" / "a").write_text("b")
    with pytest.warns(LeydenWarning, match="The data is not what the checkpoint was trained on"):
        fitted(tmp_path, 3, ckpt_path="last", data_manifest=tmp_path / "data")
    assert read(tmp_path / "last.ckpt").origin.data != before.digest
    with pytest.raises(SettingsError, match="data_manifest is an int"):
        trainer(tmp_path, data_manifest=3)


@pytest.mark.parametrize("tree", [{}, {"global_step": "many", "epoch": -1}, {"global_step": True}])
def test_what_a_hook_puts_under_the_counters_is_not_believed(tree):
    assert moment_of(tree) == Moment(0, 0)
