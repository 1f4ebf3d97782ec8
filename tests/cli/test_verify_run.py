from __future__ import annotations

import shutil

import pytest

from leyden.checkpoint.lineage import Lineage
from leyden.checkpoint.save import save
from leyden.cli.main import main
from leyden.security.keys import home


@pytest.fixture
def run(tmp_path):
    """A run that saved three times, the last twice under one name."""
    folder = tmp_path / "run"
    chain = Lineage.begins()
    for step, name in ((1, "one"), (2, "last"), (3, "last")):
        path = folder / f"{name}.ckpt"
        origin = chain.origin(step, 0)
        chain.committed(origin, save({"step": step}, path, origin=origin), path)
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
    assert "is the newest checkpoint of the run" in told


def test_checkpoints_that_were_swapped_are_found(capsys, run, tmp_path):
    folder, _ = run
    shutil.copy(tmp_path / "kept-3", folder / "one.ckpt")
    assert "one.ckpt was swapped: the run's save 3 lies where it wrote its save 1" in verified(capsys, folder, 1)


def test_a_planted_checkpoint_is_found(capsys, run):
    folder, chain = run
    save({"step": 9}, folder / "better.ckpt", origin=chain.origin(9, 0))
    assert "which never wrote it: it was planted" in verified(capsys, folder, 1)


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
