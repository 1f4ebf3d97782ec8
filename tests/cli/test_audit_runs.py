from __future__ import annotations

import shutil

import pytest

from leyden.audit.finding import LimitError, Limits
from leyden.audit.look import surveyed
from leyden.checkpoint.lineage import Lineage
from leyden.checkpoint.save import save
from leyden.cli import verify_run
from leyden.cli.audit_runs import look, survey
from leyden.security.keys import home


@pytest.fixture
def run(tmp_path):
    """A run that saved three times, the last twice under one name."""
    chain = Lineage.begins()
    folder = tmp_path / "project" / "checkpoints"
    folder.mkdir(parents=True)
    for step, name in ((1, "one"), (2, "last"), (3, "last")):
        path = folder / f"{name}.ckpt"
        origin = chain.origin(step, 0)
        chain.committed(origin, save({"step": step, "a": b"x" * 5000}, path, origin=origin), path)
        shutil.copy(path, tmp_path / f"kept-{step}")
    (folder.parent / "model.pt").write_bytes(b"of another program")
    return folder, chain.run


def found(folder, everything=False):
    return [(one.rule, one.place.path.rpartition("/")[2]) for one in look([str(folder.parent)], everything)]


def test_a_run_that_nobody_touched_has_nothing_to_tell(run):
    assert found(run[0]) == []
    assert found(run[0], everything=True) == []


def test_a_checkpoint_that_was_rolled_back_is_found(run, tmp_path):
    shutil.copy(tmp_path / "kept-2", run[0] / "last.ckpt")
    assert found(run[0]) == [("LEY521", "last.ckpt")]


def test_the_newest_one_that_is_gone_is_found(run):
    (run[0] / "last.ckpt").unlink()
    assert ("LEY522", "last.ckpt") in found(run[0])


def test_a_changed_seal_is_found_at_once_and_a_changed_tensor_where_all_is_hashed(run):
    path = run[0] / "one.ckpt"
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    assert found(run[0]) == []
    assert found(run[0], everything=True) == [("LEY526", "one.ckpt")]
    content[100] ^= 1
    path.write_bytes(content)
    assert found(run[0]) == [("LEY526", "one.ckpt")]


def test_a_record_that_somebody_has_edited_is_found(run):
    record = home() / "runs" / f"{run[1]}.jsonl"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(lines[1:]))
    assert ("LEY523", record.name) in found(run[0])


def test_an_alarm_in_the_middle_of_a_file_is_not_told_as_a_broken_checkpoint(run, monkeypatch):
    def alarm(path):
        raise LimitError("it takes over 60 seconds")

    monkeypatch.setattr(verify_run, "glimpse", alarm)
    told = list(surveyed(survey([str(run[0])], False), ".", Limits()))
    assert [one.rule for one in told] == ["LEY003"]


def test_a_policy_that_cannot_be_read_is_told_as_blind(run, monkeypatch):
    monkeypatch.setenv("LEYDEN_POLICY", "no such level")
    (one,) = look([str(run[0])], False)
    assert (one.rule, one.blind) == ("LEY524", True)


def test_a_directory_without_runs_costs_nothing_and_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "m.pt").write_bytes(b"x")
    assert found(tmp_path / "a") == []
