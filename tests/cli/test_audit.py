from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.audit.environment.environments import environment, install

from leyden.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
BROKEN = b"\x80\x04" + b"c" * 30  # a pickle that breaks off


@pytest.fixture(autouse=True)
def project(tmp_path, tmp_path_factory, monkeypatch):
    """A directory of its own, with an environment in which nothing is installed."""
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path_factory.mktemp("environment")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def audit(*options: str, capsys) -> tuple[int, str]:
    code = main(["audit", *options])
    return code, capsys.readouterr().out


def test_a_clean_directory_ends_with_0(project, capsys):
    (project / "notes.txt").write_text("nothing to see")
    code, shown = audit(capsys=capsys)
    assert code == 0
    assert shown.startswith("Nothing found in 1 file (14 bytes)")


def test_what_cannot_be_looked_at_ends_with_2(project, capsys):
    code, shown = audit("missing", capsys=capsys)
    assert code == 2
    assert "medium   LEY001 missing" in shown
    assert "the audit is not whole" in shown


def test_findings_below_the_threshold_do_not_count(project, capsys):
    os.mkfifo(project / "pipe")
    assert audit(capsys=capsys)[0] == 0
    code, shown = audit("--severity", "info", capsys=capsys)
    assert code == 1
    assert "info     LEY006 ./pipe" in shown


def test_the_settings_of_this_directory_count_unless_they_are_left_out(project, capsys):
    os.mkfifo(project / "pipe")
    (project / "pyproject.toml").write_text('[tool.leyden.audit]\nseverity = "info"')
    assert audit(capsys=capsys)[0] == 1
    assert audit("--no-config", capsys=capsys)[0] == 0
    (project / "pyproject.toml").write_text('[tool.leyden.audit]\nseverity = "loud"')
    assert main(["audit"]) == 2
    assert "severity is 'loud'" in capsys.readouterr().err


def test_the_settings_of_what_is_audited_do_not_count(project, capsys):
    (project / "theirs").mkdir()
    os.mkfifo(project / "theirs" / "pipe")
    (project / "theirs" / "pyproject.toml").write_text('[tool.leyden.audit]\nexclude = ["*"]')
    assert audit("theirs", "--severity", "info", capsys=capsys)[0] == 1


def test_a_baseline_accepts_what_was_there(project, capsys):
    os.mkfifo(project / "pipe")
    assert audit("--severity", "info", "--write-baseline", "base.json", capsys=capsys)[0] == 0
    assert audit("--severity", "info", "--baseline", "base.json", capsys=capsys)[0] == 0
    os.mkfifo(project / "second")
    code, shown = audit("--severity", "info", "--baseline", "base.json", capsys=capsys)
    assert code == 1
    assert "./second" in shown
    assert "1 by the baseline" in shown
    assert (
        audit("--severity", "info", "--baseline", "base.json", "--no-suppress", capsys=capsys)[1].count("LEY006") == 3
    )


def test_a_baseline_of_an_audit_that_is_not_whole_ends_with_2(project, capsys):
    assert audit("missing", "--write-baseline", "base.json", capsys=capsys)[0] == 2
    assert json.loads((project / "base.json").read_text())["findings"] == {}


@pytest.mark.parametrize("name", ["json", "sarif", "cyclonedx"])
def test_a_document_is_written_whole(project, capsys, name):
    os.mkfifo(project / "pipe")
    code, shown = audit("--format", name, "--severity", "info", capsys=capsys)
    assert code == 1
    assert json.loads(shown)
    assert audit("--format", name, "--severity", "info", "--output", "report", capsys=capsys) == (1, "")
    assert json.loads((project / "report").read_text()).keys() == json.loads(shown).keys()


def test_a_text_or_html_report_goes_to_a_file(project, capsys):
    assert audit("--output", "report.txt", capsys=capsys) == (0, "")
    assert (project / "report.txt").read_text().startswith("Nothing found")
    assert audit("--format", "html", "--output", "report.html", capsys=capsys) == (0, "")
    assert (project / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_names_are_shown_without_what_a_terminal_would_obey(project, capsys):
    os.mkfifo(project / os.fsdecode(b"\x1b[2J\xff\n"))
    shown = audit("--severity", "info", capsys=capsys)[1]
    assert "./\\x1b[2J\\xff\\n" in shown
    assert all(line.isprintable() for line in shown.splitlines())


@pytest.mark.parametrize(
    "options",
    [
        ["--format", "pdf"],
        ["--jobs", "-1"],
        ["--jobs", "257"],
        ["--seconds", "x"],
        ["--seconds", "0"],
        ["--severity", "loud"],
    ],
)
def test_a_wrong_call_ends_with_2(options):
    with pytest.raises(SystemExit) as ended:
        main(["audit", *options])
    assert ended.value.code == 2


def fresh(*command: str, **options) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=environment, timeout=60, **options
    )


def test_a_reader_that_goes_away_is_no_traceback(project):
    for number in range(300):
        os.mkfifo(project / f"{number:0100}")
    program = "import sys; from leyden.cli.main import main; sys.exit(main(['audit', '--severity', 'info']))"
    command = f'{sys.executable} -c "{program}" | head -n 1'
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        timeout=60,
    )
    assert done.stderr == ""
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1


def test_the_audit_starts_without_what_is_slow_to_import(project):
    """The budget of 0.3 s as a count: what one audit of a small directory imports."""
    (project / "a.txt").write_text("x")
    with zipfile.ZipFile(project / "a.zip", "w") as archive:
        archive.writestr("b", "x")
    code = (
        "import sys; before = set(sys.modules); from leyden.cli.main import main; main(['audit', '.']);"
        "print(*set(sys.modules) - before)"
    )
    shown = fresh("-c", code).stdout.splitlines()[-1].split()
    packages = {name.partition(".")[0] for name in shown}
    assert packages & {"torch", "numpy", "safetensors", "cryptography", "yaml", "rich", "tqdm", "asyncio"} == set()
    assert packages - sys.stdlib_module_names == {"leyden"}
    assert len(shown) <= 215


def test_an_audit_in_processes_imports_no_reader_here(project):
    """The budget of a checkpoint of 1 GiB as a count: the readers are imported once, where the file is read."""
    (project / "large.pt").write_bytes(bytes(2 << 20))
    code = (
        "import sys; before = set(sys.modules); from leyden.cli.main import main; main(['audit', '.']);"
        "print(*set(sys.modules) - before)"
    )
    shown = fresh("-c", code).stdout.splitlines()[-1].split()
    assert "leyden.audit.pool" in shown
    assert {name for name in shown if name.startswith("leyden.audit.artifacts.")} == {"leyden.audit.artifacts.suffixes"}
    assert "leyden.wire.pickle" not in shown
    assert len(shown) <= 195


def test_without_a_path_the_environment_is_looked_at_too(project, capsys):
    folder = environment(project / ".venv")
    (folder / "a.pth").write_text("import os; exec(os.environ['X'])")
    code, shown = audit(capsys=capsys)
    assert code == 1
    assert f"high     LEY422 {folder / 'a.pth'}:1" in shown
    assert audit("--no-environment", capsys=capsys)[0] == 0
    assert audit(".", capsys=capsys)[0] == 0
    assert audit(".", "--environment", ".venv", capsys=capsys)[0] == 1


def test_large_installed_files_are_hashed_where_that_is_asked_for(project, capsys):
    folder = environment(project / ".venv")
    install(folder, "demo", "1.0", {"demo.so": bytes(5 << 20)})
    (folder / "demo.so").write_bytes(b"x" * (5 << 20))
    assert audit(capsys=capsys)[0] == 0
    assert audit("--deep", capsys=capsys)[0] == 1


def test_a_directory_that_is_no_environment_ends_with_2(project, capsys):
    (project / "other").mkdir()
    assert main(["audit", "--environment", "other"]) == 2
    assert "other is no environment" in capsys.readouterr().err


def test_the_machine_is_looked_at_where_that_is_asked_for(project, capsys, monkeypatch):
    monkeypatch.setenv("LEYDEN_HOME", str(project / "keys"))
    (project / "keys").mkdir(0o755)
    (project / "keys" / "identity.key").touch(0o644)
    assert audit(capsys=capsys)[0] == 0
    code, shown = audit("--host", capsys=capsys)
    assert code == 1
    assert f"high     LEY512 {project / 'keys' / 'identity.key'}" in shown


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit):
        main(["audit", "--help"])
    shown = capsys.readouterr().out
    for option in ("--format", "--output", "--severity", "--baseline", "--exclude", "--no-config", "--no-suppress"):
        assert option in shown
    assert re.search(r"PATH", shown)


def save_model(path):
    import torch

    torch.save({"a": torch.ones(2)}, path)
    path.chmod(0o666)


def test_fix_shows_its_plan_and_does_nothing_without_a_yes(project, capsys):
    save_model(project / "m.pt")
    assert main(["audit", "--fix"]) == 1
    told = capsys.readouterr().err
    assert "./m.pt: permissions 0666 become 0644" in told
    assert "./m.pt: becomes a file of Leyden's format with 1 tensor" in told
    assert "Nothing was changed. With --yes it is done." in told
    assert [path.name for path in project.iterdir()] == ["m.pt"]
    assert (project / "m.pt").stat().st_mode & 0o777 == 0o666


def test_fix_with_a_yes_mends_and_then_finds_nothing_more(project, capsys):
    from leyden.checkpoint.load import load

    save_model(project / "m.pt")
    assert main(["audit", "--fix", "--yes"]) == 0
    assert "1 file mended" in capsys.readouterr().err
    assert sorted(path.name for path in project.iterdir()) == ["m.pt", "m.pt.orig"]
    assert load(project / "m.pt")["a"].tolist() == [1.0, 1.0]
    assert main(["audit", "--fix", "--yes"]) == 0
    assert "There is nothing that --fix can mend." in capsys.readouterr().err


def test_fix_leaves_checkpoints_as_they_are_where_that_is_wanted(project, capsys):
    save_model(project / "m.pt")
    assert main(["audit", "--fix", "--yes", "--no-convert"]) == 0
    assert "Leyden's format" not in capsys.readouterr().err
    assert [path.name for path in project.iterdir()] == ["m.pt"]


def test_a_step_that_fails_is_told_and_its_finding_stays(project, capsys, monkeypatch):
    save_model(project / "m.pt")

    def refuse(step):
        raise PermissionError(1, "Operation not permitted", step.path)

    monkeypatch.setattr("leyden.cli.audit_fix.tighten", refuse)
    assert main(["audit", "--fix", "--yes", "--no-convert"]) == 1
    assert "./m.pt: not changed: [Errno 1] Operation not permitted" in capsys.readouterr().err


def test_fix_shows_what_a_program_becomes_and_changes_that_alone(project, capsys):
    text = "import requests\r\n\r\nhost = 'http://a.org/b'  # ours\r\nrequests.get('http://huggingface.co/a/b')\r\n"
    (project / "fetch.py").write_bytes(text.encode())
    assert main(["audit", "--fix"]) == 1
    told = capsys.readouterr().err
    assert "./fetch.py: line 4: `http://` becomes `https://`" in told
    assert "    -requests.get('http://huggingface.co/a/b')\n    +requests.get('https://huggingface.co/a/b')\n" in told
    assert (project / "fetch.py").read_bytes() == text.encode()
    assert main(["audit", "--fix", "--yes"]) == 0
    assert "1 file mended." in capsys.readouterr().err
    assert (project / "fetch.py").read_bytes() == text.replace("http://hug", "https://hug").encode()
    assert main(["audit", "--fix", "--yes"]) == 0
    assert "There is nothing that --fix can mend." in capsys.readouterr().err


@pytest.mark.parametrize(("pin", "found"), [("torch==2.13.0", False), ("torch==2.5.1", True), ("numpy", True)])
def test_code_is_judged_by_the_versions_that_the_project_declares(project, pin, found, capsys):
    (project / "requirements.txt").write_text(pin)
    (project / "read.py").write_text("import torch\nstate = torch.load('model.pt')\n")
    assert ("LEY202" in audit("read.py", capsys=capsys)[1]) is found


def test_a_file_of_strangers_is_not_judged_by_the_versions_of_this_project(project, tmp_path_factory, capsys):
    (project / "requirements.txt").write_text("torch==2.13.0")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "read.py"
    elsewhere.write_text("import torch\nstate = torch.load('model.pt')\n")
    assert "LEY202" in audit(str(elsewhere), capsys=capsys)[1]
