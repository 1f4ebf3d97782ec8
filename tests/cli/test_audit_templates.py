"""What users copy: it parses, its command lines are accepted, and it does what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest
import yaml
from tests.audit.repositories import HARMLESS, git, needs_git, repository

from leyden.cli.audit import AUDIT
from leyden.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "templates"
PAGE = ROOT / "docs" / "audit.md"
EVIL = "import torch\nstate = torch.load('a', weights_only=False)\n"
SOURCES = [*sorted(FOLDER.iterdir()), PAGE, ROOT / ".pre-commit-hooks.yaml"]


def block(language: str, word: str) -> str:
    """The block of code in the page that has a word in it."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (one,) = [text for text in found if word in text]
    return one


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A directory with a program that is found, and `leyden` on the PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    leyden = programs / "leyden"
    leyden.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT / "src"}" exec "{sys.executable}" -m leyden "$@"\n')
    leyden.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    root = tmp_path / "project"
    root.mkdir()
    (root / "a.py").write_text(EVIL)
    return root


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_command_line_is_accepted(path):
    parser = ArgumentParser()
    AUDIT.arguments(parser)
    lines = re.findall(r"(?:^|[ `])leyden audit((?: +[-\w./~$@\"{}]+)*)", path.read_text(), re.MULTILINE)
    for line in lines:
        parser.parse_args([word for word in shlex.split(line) if word != "$@"])
    assert len(lines) >= (0 if path.name == "audit.cron" else 1)


def test_the_workflow_pins_its_actions_and_asks_for_no_more_than_it_needs():
    text = (FOLDER / "github-audit.yml").read_text()
    workflow = yaml.safe_load(text)
    job = workflow["jobs"]["audit"]
    assert workflow["permissions"] == {}
    assert job["permissions"] == {"contents": "read", "security-events": "write"}
    uses = re.findall(r"uses: (.*)", text)
    assert len(uses) == 3
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one) for one in uses)
    assert job["steps"][0]["with"]["persist-credentials"] is False
    assert workflow[True].keys() == {"push", "pull_request", "schedule"}  # YAML 1.1 reads "on" so


def test_the_workflow_uploads_what_it_found_and_fails(project, tmp_path):
    steps = yaml.safe_load((FOLDER / "github-audit.yml").read_text())["jobs"]["audit"]["steps"]
    (audit,) = [step for step in steps if step.get("id") == "audit"]
    environment = os.environ | {"RUNNER_TEMP": str(tmp_path)}
    done = subprocess.run(["bash", "-e", "-c", audit["run"]], cwd=project, env=environment, timeout=60)
    assert done.returncode == 1
    upload = steps[-1]
    assert upload["if"] == "${{ !cancelled() && steps.audit.outcome != 'skipped' }}"
    report = Path(upload["with"]["sarif_file"].replace("${{ runner.temp }}", str(tmp_path)))
    assert json.loads(report.read_text())["runs"][0]["results"][0]["ruleId"] == "LEY201"


def test_the_job_for_gitlab_keeps_its_report_and_fails(project):
    job = yaml.safe_load((FOLDER / "gitlab-audit.yml").read_text())["leyden-audit"]
    done = subprocess.run(["sh", "-e", "-c", job["script"][-1]], cwd=project, timeout=60)
    assert done.returncode == 1
    assert job["artifacts"]["when"] == "always"
    assert [(project / path).exists() for path in job["artifacts"]["paths"]] == [True]


def by_cron(project: Path, reports: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(FOLDER / "audit-cron.sh"), str(project), str(reports), "--no-environment", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


needs_flock = pytest.mark.skipif(shutil.which("flock") is None, reason="flock is not here")


@needs_flock
def test_cron_tells_what_was_found_and_what_is_new(project, tmp_path):
    reports = tmp_path / "reports"
    first = by_cron(project, reports)
    assert first.returncode == 1
    assert "LEY201 ./a.py" in first.stdout
    (project / "b.py").write_text(EVIL)
    second = by_cron(project, reports)
    assert "1 new, 0 mended, 1 old since " in second.stdout
    assert '"baselineState": "new"' in (reports / "audit.sarif").read_text()
    assert 'class="badge"' in (reports / "audit.html").read_text()
    assert len((project / ".leyden/audit/history.jsonl").read_text().splitlines()) == 2
    assert {path.stat().st_mode & 0o077 for path in [reports, *reports.iterdir()]} == {0}


@needs_flock
def test_cron_says_nothing_where_nothing_was_found(project, tmp_path):
    (project / "a.py").write_text("x = 1\n")
    done = by_cron(project, tmp_path / "reports", "--severity", "medium")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_flock
def test_cron_does_not_start_beside_itself(project, tmp_path):
    reports = tmp_path / "reports"
    reports.mkdir()
    holding = ["flock", str(reports / "lock"), "sh", "-c", "echo held; cat"]
    with subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        done = by_cron(project, reports)
        assert (done.returncode, done.stdout) == (2, "The audit before this one is still at work.\n")
        other.communicate()


def test_the_crontab_names_the_script():
    lines = [line for line in (FOLDER / "audit.cron").read_text().splitlines() if re.match(r"[\d*]", line)]
    assert [line.split()[5].rpartition("/")[2] for line in lines] == ["audit-cron.sh"]
    assert len(lines[0].split()) == 8


def test_the_hook_for_pre_commit_takes_any_name_for_a_file(project, monkeypatch, capsys):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {"id", "name", "entry", "language"} <= hook.keys()
    assert hook["id"] == "leyden-audit"
    monkeypatch.chdir(project)
    (project / "--output=x").write_text(EVIL)
    command = [*shlex.split(hook["entry"]), *hook["args"], "--output=x", "a.py"]
    assert command[0] == "leyden"
    assert main(command[1:]) == 1
    assert "1 finding in 2 files" in capsys.readouterr().out
    assert not (project / "x").exists()


def test_the_local_hook_on_the_page_is_one(project, monkeypatch):
    (hook,) = yaml.safe_load(block("yaml", "repo: local"))["repos"][0]["hooks"]
    monkeypatch.chdir(project)
    assert hook["args"][-1] == "--"
    assert main([*shlex.split(hook["entry"])[1:], *hook["args"], "a.py"]) == 1


@needs_git
def test_the_hook_of_git_on_the_page_stops_a_commit_with_findings(project, monkeypatch):
    for name, value in HARMLESS.items():
        monkeypatch.setenv(name, value)
    (project / "a.py").write_text("x = 1\n")
    repository(project)
    git(project, "add", "a.py")
    git(project, "commit", "--quiet", "--message", "x")
    hook = project / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(block("sh", "--since HEAD"))
    hook.chmod(0o755)
    (project / "b.py").write_text(EVIL)
    git(project, "add", "b.py")
    refused = subprocess.run(["git", "commit", "-m", "x"], cwd=project, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1
    assert "LEY201 ./b.py" in refused.stdout + refused.stderr
    (project / "b.py").write_text("y = 1\n")
    git(project, "add", "b.py")
    git(project, "commit", "--quiet", "--message", "y")
    assert git(project, "rev-list", "--count", "HEAD") == "2"
