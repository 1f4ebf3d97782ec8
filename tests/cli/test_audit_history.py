from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leyden.audit.history import loads
from leyden.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
HISTORY = Path(".leyden/audit/history.jsonl")
EVIL = "import torch\nstate = torch.load('a', weights_only=False)\n"


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = os.umask(0o022)
    (tmp_path / "a.py").write_text(EVIL)
    yield tmp_path
    os.umask(before)


def audit(*options: str, capsys) -> str:
    main(["audit", "--no-environment", *options])
    return capsys.readouterr().out


def saved() -> list:
    return loads(HISTORY.read_bytes(), "h")


def test_an_audit_is_kept_only_where_that_is_wanted(capsys):
    audit(capsys=capsys)
    assert not Path(".leyden").exists()
    assert main(["audit", "--no-environment", "--save"]) == 1
    assert capsys.readouterr().err == "Saved in .leyden/audit/history.jsonl.\n"
    (entry,) = saved()
    assert [(one.rule, one.path) for one in entry.findings] == [("LEY201", "a.py")]


def test_it_is_private(capsys):
    audit("--save", capsys=capsys)
    modes = [path.stat().st_mode & 0o777 for path in (HISTORY, HISTORY.parent, HISTORY.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]
    assert [path.name for path in HISTORY.parent.iterdir()] == ["history.jsonl"]


def test_the_next_audits_say_what_is_new_mended_and_old(project, capsys):
    assert "(new)" not in audit("--save", capsys=capsys)
    (project / "b.py").write_text(EVIL)
    shown = audit(capsys=capsys)
    assert "LEY201 ./b.py:2:9 (new)\n" in shown
    assert "LEY201 ./a.py:2:9\n" in shown
    assert "1 new, 0 mended, 1 old since " in shown
    assert "Findings over the last audits: 1 → 2.\n" in shown
    (project / "a.py").unlink()
    shown = audit("--save", capsys=capsys)
    assert "1 new, 1 mended, 0 old since " in shown
    assert "Mended: LEY201 a.py.\n" in shown
    shown = audit(capsys=capsys)
    assert "(new)" not in shown
    assert "0 new, 0 mended, 1 old since " in shown
    assert "Findings over the last audits: 1 → 1 → 1.\n" in shown


@pytest.mark.parametrize("name", ["json", "sarif", "html", "text"])
def test_a_document_says_it_too(project, capsys, name):
    audit("--save", capsys=capsys)
    (project / "b.py").write_text(EVIL)
    audit("--format", name, "--output", "report", capsys=capsys)
    told = (project / "report").read_text()
    words = {"json": '"comparison"', "sarif": '"baselineState": "new"', "html": 'class="badge"', "text": "(new)"}
    assert words[name] in told


def test_its_own_history_is_nothing_that_an_audit_finds(capsys):
    for _ in range(3):
        audit("--save", "--severity", "info", capsys=capsys)
    assert [len(entry.counts) for entry in saved()] == [1, 1, 1]
    assert "0 new, 0 mended, 1 old" in audit("--severity", "info", capsys=capsys)
    assert main(["audit", ".leyden", "--severity", "info", "--no-suppress"]) == 0


@pytest.mark.parametrize(
    "options",
    [["."], ["a.py"], ["--severity", "high"], ["--exclude", "b*"], ["--all"], ["--deep"], ["--no-suppress", "--save"]],
)
def test_only_audits_of_the_same_scope_are_compared(capsys, options):
    audit("--save", capsys=capsys)
    assert "mended" not in audit(*options, capsys=capsys)


def test_an_accepted_finding_is_not_mended(project, capsys):
    audit("--save", capsys=capsys)
    first, second = EVIL.splitlines()
    accepted = '# leyden: ignore[LEY201] reason="ours" until=2999-01-01'
    (project / "a.py").write_text(f"{first}\n{accepted}\n{second}\n")
    assert "0 new, 0 mended, 0 old, 1 accepted by now since " in audit(capsys=capsys)


def test_who_trusts_nothing_of_the_project_does_not_look_at_its_history(project, capsys):
    audit("--save", capsys=capsys)
    HISTORY.write_text("x")
    assert "mended" not in audit("--no-suppress", capsys=capsys)
    assert main(["audit", "--no-suppress", "--save"]) == 2


def test_a_damaged_history_is_an_error_with_the_way_out_and_stays(capsys):
    audit("--save", capsys=capsys)
    HISTORY.write_text("{}\n")
    for options in ([], ["--save"]):
        assert main(["audit", "--no-environment", *options]) == 2
        assert "was damaged" in capsys.readouterr().err
    assert HISTORY.read_text() == "{}\n"


def test_a_history_that_leads_elsewhere_is_not_followed(project, capsys):
    outside = project.parent / f"{project.name}-outside"
    (outside / "audit").mkdir(parents=True)
    (project / ".leyden").symlink_to(outside)
    assert main(["audit", "--no-environment", "--save"]) == 2
    assert "is a link" in capsys.readouterr().err
    assert list((outside / "audit").iterdir()) == []


def test_a_history_that_is_a_pipe_is_not_waited_for(capsys):
    HISTORY.parent.mkdir(parents=True)
    os.mkfifo(HISTORY)
    assert main(["audit"]) == 2
    assert "is not a file" in capsys.readouterr().err


def test_two_audits_at_once_lose_no_entry(project):
    options = ["audit", "--no-environment", "--save", "--jobs", "0"]
    code = f"import sys; from leyden.cli.main import main; sys.exit(main({options}))"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    running = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL) for _ in range(4)
    ]
    assert [process.wait(60) for process in running] == [1] * 4
    assert len(saved()) == 4


def test_what_fix_mends_is_saved_as_mended(project, capsys):
    (project / "m.npy").write_bytes(b"\x93NUMPY")
    (project / "m.npy").chmod(0o666)
    audit("--save", capsys=capsys)
    assert "LEY501" in {one.rule for one in saved()[-1].findings}
    audit("--save", "--fix", "--yes", capsys=capsys)
    assert "LEY501" not in {one.rule for one in saved()[-1].findings}


def test_an_old_finding_counts_as_a_new_one_does(capsys):
    for _ in range(2):
        assert main(["audit", "--no-environment", "--save"]) == 1
