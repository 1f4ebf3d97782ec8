from __future__ import annotations

import os
import shutil
import subprocess

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from leyden.checkpoint.lineage import Lineage
from leyden.checkpoint.save import encoded, save
from leyden.cli.main import main
from leyden.security import ledger
from leyden.security.encryption import Encryption
from leyden.security.keys import Identity, home
from leyden.security.manifest import manifest
from leyden.wire import envelope

STRANGER = Identity(Ed25519PrivateKey.from_private_bytes(b"s" * 32))


def saved(chain, path, step):
    origin = chain.origin(step, 0)
    chain.committed(origin, save({"step": step}, path, origin=origin), path)


def foreign(path, signer, origin):
    tree = encoded({"step": 9})
    with path.open("w+b") as stream:
        envelope.write(stream, tree.leaves, tree.text, signer, origin)


@pytest.fixture
def run(tmp_path):
    """A run that saved three times, the last twice under one name."""
    folder = tmp_path / "run"
    chain = Lineage.begins()
    for step, name in ((1, "one"), (2, "last"), (3, "last")):
        path = folder / f"{name}.ckpt"
        saved(chain, path, step)
        shutil.copy(path, tmp_path / f"kept-{step}")
    return folder, chain


def verified(capsys, folder, code):
    assert main(["verify", str(folder)]) == code
    return capsys.readouterr().out


def test_a_run_that_nobody_touched_is_whole(capsys, run):
    folder, chain = run
    told = verified(capsys, folder, 0)
    assert f"{folder / 'last.ckpt'}: whole. save 3 of run {chain.run}, step 3" in told
    assert told.endswith("2 checkpoints are whole; 0 problems.\n")


def test_a_checkpoint_that_was_rolled_back_is_found(capsys, run, tmp_path):
    folder, _ = run
    shutil.copy(tmp_path / "kept-2", folder / "last.ckpt")
    told = verified(capsys, folder, 1)
    assert "last.ckpt was rolled back: the run's save 2 lies where it wrote its save 3" in told
    assert told.endswith("2 checkpoints are whole; 1 problems.\n")


def test_checkpoints_that_were_swapped_are_found(capsys, run, tmp_path):
    folder, _ = run
    shutil.copy(tmp_path / "kept-3", folder / "one.ckpt")
    assert "one.ckpt was swapped: the run's save 3 lies where it wrote its save 1" in verified(capsys, folder, 1)


@pytest.mark.parametrize("signer", [None, STRANGER], ids=["unsealed", "sealed by a stranger"])
@pytest.mark.parametrize("claims", [True, False], ids=["claims the run", "claims nothing"])
def test_a_planted_checkpoint_is_found(capsys, run, signer, claims):
    folder, chain = run
    foreign(folder / "better.ckpt", signer, chain.origin(9, 0) if claims else None)
    assert "better.ckpt was planted: nothing shows that a run of yours wrote it." in verified(capsys, folder, 1)


def test_a_planted_checkpoint_in_the_place_of_another_is_found(capsys, run):
    folder, chain = run
    foreign(folder / "last.ckpt", STRANGER, chain.origin(9, 0))
    assert f"last.ckpt was planted where the run {chain.run} wrote its save 3" in verified(capsys, folder, 1)


def test_a_whole_directory_that_was_rolled_back_is_found(capsys, tmp_path):
    """Each file lies where the run wrote it, and only the newest is missing."""
    folder, chain = tmp_path / "run", Lineage.begins()
    saved(chain, folder / "epoch=0.ckpt", 1)
    shutil.copytree(folder, tmp_path / "before")
    saved(chain, folder / "epoch=1.ckpt", 2)
    (folder / "epoch=0.ckpt").unlink()
    assert "1 earlier checkpoints of the run" in verified(capsys, folder, 0)  # which the run deleted itself
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "before", folder)
    assert "epoch=1.ckpt is the newest checkpoint of the run" in verified(capsys, folder, 1)


def test_files_that_changed_their_names_are_found(capsys, run):
    folder, _ = run
    (folder / "one.ckpt").rename(folder / "third")
    (folder / "last.ckpt").rename(folder / "one.ckpt")
    (folder / "third").rename(folder / "last.ckpt")
    told = verified(capsys, folder, 1)
    assert "one.ckpt was swapped" in told
    assert "last.ckpt was rolled back" in told


def test_the_checkpoint_of_another_run_in_the_place_of_this_ones_is_found(capsys, run, tmp_path):
    folder, chain = run
    other = Lineage.begins()
    saved(other, tmp_path / "other" / "last.ckpt", 5)
    shutil.copy(tmp_path / "other" / "last.ckpt", folder / "last.ckpt")
    told = verified(capsys, folder, 1)
    assert (
        f"last.ckpt was swapped: save 1 of the run {other.run} lies where the run {chain.run} wrote its save 3" in told
    )


def test_what_is_no_checkpoint_any_more_is_found(capsys, run):
    folder, _ = run
    (folder / "one.ckpt").write_bytes(b"noise")
    assert "one.ckpt was not written by Leyden" in verified(capsys, folder, 2)
    (folder / "last.ckpt").unlink()
    (folder / "last.ckpt").mkdir()
    assert "last.ckpt is no longer the checkpoint that was written there (save 3" in verified(capsys, folder, 1)


def test_a_directory_whose_checkpoints_are_all_gone_is_not_taken_for_a_sound_one(capsys, run):
    folder, _ = run
    shutil.rmtree(folder)
    folder.mkdir()
    assert "last.ckpt is the newest checkpoint of the run" in verified(capsys, folder, 1)


def test_a_directory_without_checkpoints_ends_with_2(capsys, tmp_path):
    assert main(["verify", str(tmp_path)]) == 2
    assert "There is no checkpoint in" in capsys.readouterr().err


def test_links_count_as_what_they_lead_to(capsys, run):
    folder, chain = run
    (folder / "best.ckpt").symlink_to("last.ckpt")
    chain.linked(folder / "best.ckpt", folder / "last.ckpt")
    assert verified(capsys, folder, 0).endswith("2 checkpoints are whole; 0 problems.\n")
    (folder / "best.ckpt").unlink()
    (folder / "best.ckpt").symlink_to("one.ckpt")
    assert "best.ckpt is a link that leads to another checkpoint than save 3" in verified(capsys, folder, 1)


def test_a_link_that_was_about_to_be_made_anew_is_no_problem(capsys, run):
    folder, chain = run
    (folder / "newest.ckpt").symlink_to("last.ckpt")
    chain.linked(folder / "newest.ckpt", folder / "last.ckpt")
    saved(chain, folder / "last.ckpt", 4)  # and then the process died
    assert verified(capsys, folder, 0).endswith("2 checkpoints are whole; 0 problems.\n")


def test_a_file_that_became_a_link_is_found(capsys, run, tmp_path):
    folder, _ = run
    (folder / "last.ckpt").rename(tmp_path / "outside.ckpt")
    (folder / "last.ckpt").symlink_to(tmp_path / "outside.ckpt")
    assert "last.ckpt is a link that leads elsewhere than save 3" in verified(capsys, folder, 1)
    (folder / "last.ckpt").unlink()
    (folder / "last.ckpt").symlink_to("one.ckpt")
    assert "last.ckpt is a link that leads to another checkpoint" in verified(capsys, folder, 1)


def test_an_edited_record_is_a_problem_of_its_own(capsys, run):
    folder, chain = run
    record = home() / "runs" / f"{chain.run}.jsonl"
    record.write_text("".join(record.read_text().splitlines(keepends=True)[1:]))
    told = verified(capsys, folder, 1)
    assert "was changed by somebody else: line 1 is not" in told
    assert "2 checkpoints are whole; 1 problems." in told


@pytest.mark.parametrize("move", [False, True], ids=["copied", "moved"])
def test_a_directory_at_another_path_is_no_false_alarm(capsys, run, tmp_path, move):
    folder, _ = run
    (folder.rename if move else lambda to: shutil.copytree(folder, to))(tmp_path / "elsewhere")
    told = verified(capsys, tmp_path / "elsewhere", 0)
    assert "wrote in another directory, so these are copies. The newest here is save 3.\n" in told


def test_a_copy_that_is_not_the_newest_says_how_far_the_run_has_come(capsys, run, tmp_path):
    (tmp_path / "old").mkdir()
    shutil.copy(tmp_path / "kept-2", tmp_path / "old" / "last.ckpt")
    told = verified(capsys, tmp_path / "old", 0)
    assert "The newest here is save 2, and the run has gone on to its save 3." in told


def test_a_directory_on_another_machine_where_the_run_went_on_is_no_false_alarm(capsys, run, monkeypatch, tmp_path):
    folder, chain = run
    shutil.copytree(home(), tmp_path / "theirs")
    shutil.rmtree(tmp_path / "theirs" / "runs")
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "theirs"))
    shutil.copytree(folder, tmp_path / "there")
    other = Lineage(chain.run, chain.number, chain.parent)
    saved(other, tmp_path / "there" / "last.ckpt", 4)
    told = verified(capsys, tmp_path / "there", 0)
    assert f"Some of the run {chain.run} are not in this machine's record" in told
    assert told.endswith("2 checkpoints are whole; 0 problems.\n")


def test_a_checkpoint_of_a_process_that_died_before_it_noted_it_is_told_and_no_problem(capsys, run):
    folder, chain = run
    save({"step": 4}, folder / "last.ckpt", origin=chain.origin(4, 0))
    told = verified(capsys, folder, 0)
    assert "last.ckpt is newer than this machine's record" in told
    assert told.endswith("2 checkpoints are whole; 0 problems.\n")


def test_a_run_that_was_resumed_in_another_directory_is_whole_in_both(capsys, run, tmp_path):
    folder, chain = run
    saved(Lineage(chain.run, chain.number, chain.parent), tmp_path / "next" / "last.ckpt", 4)
    assert verified(capsys, tmp_path / "next", 0).endswith("1 checkpoints are whole; 0 problems.\n")
    assert verified(capsys, folder, 0).endswith("2 checkpoints are whole; 0 problems.\n")


def test_a_branch_that_was_left_is_no_false_alarm(capsys, run):
    """Resumed from the first save once more, under the same name: fewer saves, and the newest all the same."""
    folder, chain = run
    first = ledger.read(chain.run)[0]
    saved(Lineage(chain.run, 1, first.digest), folder / "last.ckpt", 2)
    assert verified(capsys, folder, 0).endswith("2 checkpoints are whole; 0 problems.\n")


def test_two_runs_in_one_directory_are_no_false_alarm(capsys, run):
    folder, _ = run
    saved(Lineage.begins(), folder / "last.ckpt", 7)
    assert verified(capsys, folder, 0).endswith("2 checkpoints are whole; 0 problems.\n")


def test_a_run_whose_directory_was_emptied_for_another_is_told_and_no_problem(capsys, run):
    folder, chain = run
    shutil.rmtree(folder)
    saved(Lineage.begins(), folder / "other.ckpt", 1)
    told = verified(capsys, folder, 0)
    assert f"The run {chain.run} wrote here before another one did. All its checkpoints are gone." in told


def test_a_gap_between_branches_is_told(capsys, run, monkeypatch, tmp_path):
    folder, chain = run
    saved(Lineage(chain.run, 1, "ab" * 32), folder / "two.ckpt", 2)
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "theirs"))
    told = verified(capsys, folder, 0)
    assert f"Save 2 of the run {chain.run} does not follow the save 1 that is here" in told
    assert "2 of them are not sealed by you" not in told
    assert "3 of them are not sealed by you or by somebody whom you trust." in told


def test_an_encrypted_checkpoint_is_looked_at_with_its_key_and_else_ends_with_2(capsys, tmp_path):
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text(str(key))
    chain = Lineage.begins()
    origin, path = chain.origin(1, 0), tmp_path / "run" / "last.ckpt"
    chain.committed(origin, save({"step": 1}, path, Encryption(to=str(key.to_public())), origin), path)
    told = verified(capsys, path.parent, 2)
    assert "last.ckpt could not be looked at" in told
    assert "is encrypted, and nothing was given that opens it" in told
    assert main(["verify", str(path.parent), "--identity", str(tmp_path / "key")]) == 0
    assert main(["verify", str(path), "--identity", str(tmp_path / "key")]) == 0
    assert main(["inspect", str(path), "--identity", str(tmp_path / "key")]) == 0
    assert main(["which-models", "--package", "jax", str(path), "--identity", str(tmp_path / "key")]) == 0
    assert main(["which-models", "--package", "jax", str(path)]) == 2


def test_a_link_that_leads_to_itself_is_not_taken_for_sound(capsys, run):
    folder, _ = run
    (folder / "one.ckpt").unlink()
    (folder / "one.ckpt").symlink_to("one.ckpt")
    assert "one.ckpt is a link that leads elsewhere than save 1" in verified(capsys, folder, 1)


def test_a_link_to_a_directory_elsewhere_is_told_and_not_followed(capsys, run, tmp_path):
    folder, _ = run
    (folder / "within").mkdir()
    (folder / "alias").symlink_to("within")
    assert verified(capsys, folder, 0).endswith("2 checkpoints are whole; 0 problems.\n")
    (folder / "more").symlink_to(tmp_path)
    assert "more is a link to a directory elsewhere, and was not followed." in verified(capsys, folder, 2)


def test_a_single_file_is_compared_with_the_record_too(capsys, run, tmp_path):
    folder, chain = run
    verified(capsys, folder / "last.ckpt", 0)
    shutil.copy(tmp_path / "kept-2", folder / "last.ckpt")
    assert "last.ckpt was rolled back: the run's save 2" in verified(capsys, folder / "last.ckpt", 1)
    record = home() / "runs" / f"{chain.run}.jsonl"
    record.write_text("".join(record.read_text().splitlines(keepends=True)[1:]))
    assert "was changed by somebody else" in verified(capsys, folder / "last.ckpt", 1)


def test_a_tree_of_any_depth_is_looked_at(capsys, run):
    folder, _ = run
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1000):  # deeper than Python's stack
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    try:
        verified(capsys, folder, 0)
        assert main(["which-models", "--package", "jax", str(folder)]) == 0
    finally:
        subprocess.run(["rm", "-rf", folder / "d"], check=True)  # deeper than pytest removes


def test_names_do_not_command_the_terminal(capsys, run):
    folder, _ = run
    shutil.copy(folder / "one.ckpt", folder / "a\x1b[31m.ckpt")
    assert "\x1b" not in verified(capsys, folder, 0)


def test_a_tampered_checkpoint_is_found(capsys, run):
    folder, _ = run
    content = bytearray((folder / "one.ckpt").read_bytes())
    content[-1] ^= 1
    (folder / "one.ckpt").write_bytes(content)
    assert "one.ckpt: the header is not what was saved" in verified(capsys, folder, 1)


def test_the_newest_that_is_gone_is_missed(capsys, run):
    folder, _ = run
    (folder / "last.ckpt").unlink()
    assert "(save 3) and is gone" in verified(capsys, folder, 1)


def test_no_record_on_this_machine_is_told_apart_from_a_rollback(capsys, run, tmp_path):
    folder, chain = run
    shutil.copy(tmp_path / "kept-2", folder / "last.ckpt")
    (home() / "runs" / f"{chain.run}.jsonl").unlink()
    assert f"This machine has no record of the run {chain.run}" in verified(capsys, folder, 0)


def test_other_files_and_links_are_passed_over(capsys, run):
    folder, _ = run
    (folder / "hparams.yaml").write_text("lr: 1\n")
    (folder / "link.ckpt").symlink_to(folder / "last.ckpt")
    assert verified(capsys, folder, 0).endswith("2 checkpoints are whole; 0 problems.\n")


def test_checkpoints_without_an_origin_are_counted(capsys, tmp_path):
    save({"a": 1}, tmp_path / "run" / "a.ckpt")
    assert "1 of them do not say which run they are from." in verified(capsys, tmp_path / "run", 0)


@pytest.fixture
def trained(tmp_path):
    """A checkpoint that names its data, and the data."""
    (tmp_path / "data").mkdir()
    for name in ("a", "b"):
        (tmp_path / "data" / name).write_text(name)
    chain = Lineage.begins()
    origin = chain.origin(1, 0, data=manifest(tmp_path / "data").digest)
    save({"step": 1}, tmp_path / "run" / "a.ckpt", origin=origin)
    return tmp_path / "run", tmp_path / "data"


@pytest.mark.parametrize("name", ["", "a.ckpt"], ids=["directory", "file"])
def test_data_is_compared_with_what_checkpoints_name(capsys, trained, name):
    run, data = trained
    assert main(["verify", str(run / name), "--data", str(data)]) == 0
    assert f"{data}: 2 files are what 1 checkpoints were trained on." in capsys.readouterr().out
    (data / "b").write_text("c")
    assert main(["verify", str(run / name), "--data", str(data)]) == 1
    assert f"{data} is not what 1 checkpoints were trained on" in (told := capsys.readouterr().out)
    assert "\n  b is another\n" in told


def test_where_the_manifest_is_not_on_this_machine_that_is_told(capsys, trained):
    run, data = trained
    (home() / "manifests" / f"{manifest(data).digest}.json").unlink()
    (data / "b").write_text("c")
    assert main(["verify", str(run), "--data", str(data)]) == 1
    assert "This machine does not have that manifest" in capsys.readouterr().out


def test_checkpoints_that_name_no_data_end_with_2(capsys, run, tmp_path):
    assert main(["verify", str(run[0]), "--data", str(tmp_path)]) == 2
    assert "None of them says what data it was trained on" in capsys.readouterr().out


def test_many_differences_are_counted(capsys, trained):
    run, data = trained
    for number in range(50):
        (data / f"new{number}").write_text("")
    assert main(["verify", str(run), "--data", str(data)]) == 1
    assert "and 10 more" in capsys.readouterr().out


@pytest.mark.parametrize("origin", [False, True], ids=["of no run", "of a run of its own"])
def test_a_checkpoint_of_a_stranger_in_the_place_of_one_that_was_written_is_found(capsys, run, monkeypatch, origin):
    folder, _ = run
    monkeypatch.setenv("LEYDEN_HOME", str(folder.parent / "of a stranger"))
    save({"step": 9}, folder / "one.ckpt", origin=Lineage.begins().origin(9, 0) if origin else None)
    monkeypatch.undo()
    assert "one.ckpt was planted where the run" in verified(capsys, folder, 1)


def test_names_of_files_do_not_command_the_terminal(capsys, tmp_path):
    folder = tmp_path / "folder"
    save({"step": 1}, folder / "a\x1b[31m.ckpt")
    (folder / "b\x1b[31m.ckpt").write_bytes((folder / "a\x1b[31m.ckpt").read_bytes()[:-64])
    told = verified(capsys, folder, 1)
    assert told.count("\\x1b[31m") >= 2
    assert "\x1b" not in told
    assert main(["verify", str(folder / "b\x1b[31m.ckpt")]) == 2
    assert "\x1b" not in capsys.readouterr().err
