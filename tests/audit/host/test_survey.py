from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.audit.host.machines import Machine

from leyden.audit.finding import Severity
from leyden.audit.host import files
from leyden.audit.host.files import Private
from leyden.audit.host.survey import PROC, Host, look, reached


def found(proc):
    return [(one.rule, one.severity.name.lower(), one.message) for one in reached(str(proc), os.geteuid())]


@pytest.mark.parametrize(
    ("arguments", "severity", "shown"),
    [
        (["/usr/bin/python3", "train.py", "--lr", "1"], "low", "python3 train.py (process 41)"),
        (["python", "-u", "-m", "torch.distributed.run", "t.py"], "medium", "python -m torch.distributed.run"),
        (["/v/bin/python", "/v/bin/torchrun", "t.py"], "medium", "python /v/bin/torchrun"),
        (["/v/bin/python", "/v/bin/tensorboard", "--logdir", "x"], "medium", "python /v/bin/tensorboard"),
        (["python", "-m", "mlflow", "server"], "medium", "python -m mlflow"),
        (["python", "/v/bin/jupyter-lab", "--no-browser"], "low", "jupyter-lab"),
        (["python", "/v/bin/jupyter-lab", "--ServerApp.token="], "high", "asks for no token"),
        (["/v/ray/core/src/ray/gcs/gcs_server", "--config=x"], "high", "gcs_server (process 41)"),
        (["python", "-m", "debugpy", "--listen", "0.0.0.0:5678", "t.py"], "high", "-m debugpy"),
    ],
)
def test_a_program_of_training_that_others_reach_is_found_and_weighed(tmp_path, arguments, severity, shown):
    machine = Machine(tmp_path)
    machine.socket("77")
    machine.process(41, *arguments, sockets=("77",))
    (one,) = found(tmp_path)
    assert one[:2] == ("LEY510", severity)
    assert shown in one[2]
    assert "0.0.0.0:8080" in one[2]


def test_options_are_not_shown_since_they_may_be_secret(tmp_path):
    machine = Machine(tmp_path)
    machine.socket("77")
    machine.process(41, "python", "-c", "hunter2", "--password", "hunter2", sockets=("77",))
    assert "hunter2" not in found(tmp_path)[0][2]


def test_loopback_other_programs_and_ended_processes_are_no_findings(tmp_path):
    machine = Machine(tmp_path)
    machine.socket("77", "0100007F:1F90")
    machine.socket("78")
    machine.process(41, "python", "train.py", sockets=("77",))
    machine.process(42, "/usr/sbin/sshd", sockets=("78",))
    machine.process(43, "")
    (tmp_path / "44").mkdir()
    assert found(tmp_path) == []


def test_processes_of_others_are_not_looked_at(tmp_path):
    machine = Machine(tmp_path)
    machine.socket("77")
    machine.process(41, "python", "train.py", sockets=("77",))
    assert list(reached(str(tmp_path), os.geteuid() + 1)) == []


def test_a_system_that_does_not_tell_is_a_note(tmp_path):
    (one,) = reached(str(tmp_path), 0)
    assert (one.rule, one.severity, one.blind) == ("LEY511", Severity.INFO, False)


@pytest.mark.skipif(not Path(PROC, "net", "tcp").exists(), reason="Linux alone has these tables")
def test_this_machine_can_be_looked_at():
    assert {one.rule for one in reached(PROC, os.geteuid())} <= {"LEY510", "LEY511"}


@pytest.mark.parametrize(("mode", "rules"), [(0o600, []), (0o400, []), (0o644, ["LEY512"]), (0o620, ["LEY512"])])
def test_a_key_is_for_its_owner_alone(tmp_path, mode, rules):
    key = tmp_path / "identity.key"
    key.touch()
    key.chmod(mode)
    assert [one.rule for one in files.keys([Private(key, "the key")], os.geteuid())] == rules


def test_a_directory_of_keys_may_be_read_and_not_written(tmp_path):
    private = [Private(tmp_path, "the directory", secret=False), Private(tmp_path / "gone", "nothing")]
    tmp_path.chmod(0o755)
    assert list(files.keys(private, os.geteuid())) == []
    tmp_path.chmod(0o775)
    assert [one.rule for one in files.keys(private, os.geteuid())] == ["LEY512"]


def test_a_key_of_another_user_is_found(tmp_path):
    private = [Private(tmp_path, "the directory", secret=False)]
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, -1)
    told = [one.message for one in files.keys(private, os.geteuid() or 54321)]
    assert told == (["the directory belongs to another user (12345)."] if os.geteuid() == 0 else [])


@pytest.fixture
def open_path(tmp_path, monkeypatch):
    """A directory that everybody can reach, whatever those above it allow."""
    monkeypatch.setattr(files, "_reachable", lambda path: bool(path.parent.stat().st_mode & 0o001))
    tmp_path.chmod(0o755)
    return tmp_path


def test_tokens_that_everybody_can_read_are_found(open_path):
    (open_path / ".netrc").touch(0o644)
    (open_path / ".pypirc").touch(0o600)
    (open_path / "hf").mkdir(0o755)
    (open_path / "hf" / "token").touch(0o644)
    told = list(files.credentials(open_path, {"HF_HOME": str(open_path / "hf")}))
    assert [one.place.path for one in told] == [str(open_path / ".netrc"), str(open_path / "hf" / "token")]
    assert {(one.rule, one.severity) for one in told} == {("LEY513", Severity.LOW)}


def test_what_a_closed_directory_holds_nobody_can_read(tmp_path):
    (tmp_path / ".netrc").touch(0o644)
    tmp_path.chmod(0o700)
    assert list(files.credentials(tmp_path, {})) == []


def test_models_that_everybody_can_read_are_one_note(open_path):
    for name in ("a.ckpt", "b/c.safetensors", "notes.txt"):
        (open_path / name).parent.mkdir(exist_ok=True)
        (open_path / name).touch(0o644)
    (open_path / "b" / "private.pt").touch(0o600)
    (one,) = files.models([str(open_path)])
    assert (one.rule, one.severity) == ("LEY514", Severity.INFO)
    assert "2 model files in 2 directories" in one.message


def test_a_directory_for_temporary_files_is_sticky_or_private(tmp_path):
    tmp_path.chmod(0o1777)
    assert list(files.temporary(tmp_path)) == []
    tmp_path.chmod(0o777)
    assert [one.rule for one in files.temporary(tmp_path)] == ["LEY515"]
    assert [one.rule for one in files.temporary(tmp_path / "gone")] == ["LEY001"]


def test_all_of_it_is_one_survey(tmp_path):
    machine = Machine(tmp_path)
    machine.socket("77")
    machine.process(41, "python", "train.py", sockets=("77",))
    key = tmp_path / "key"
    key.touch(0o644)
    rules = [one.rule for one in look(Host([Private(key, "the key")], [str(tmp_path)], str(tmp_path)), {})]
    assert rules[:2] == ["LEY510", "LEY512"]
