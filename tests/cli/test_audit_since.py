from __future__ import annotations

import json
import os

import pytest
from tests.audit.repositories import commit, needs_git, repository

from leyden.cli.main import main

pytestmark = needs_git
EVIL = "import torch\nstate = torch.load('a', weights_only=False)\n"


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    before = os.umask(0o022)
    root = repository(tmp_path / "project")
    monkeypatch.chdir(root)
    for folder in ("data", "deep"):
        (root / folder).mkdir()
    commit(root, old_py=EVIL)
    yield root
    os.umask(before)


def found(*options: str, capsys) -> list[str]:
    main(["audit", "--since", "HEAD", "--format", "json", *options])
    told = json.loads(capsys.readouterr().out)
    assert told["since"] == "HEAD"
    return [one["place"]["path"] for one in told["findings"]]


def test_only_what_changed_is_looked_at(project, capsys):
    assert main(["audit", "--since", "HEAD"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Nothing found in 0 files")
    assert "Only files that changed since HEAD were looked at." in shown
    (project / "deep" / "new.py").write_text(EVIL)
    assert found(capsys=capsys) == ["./deep/new.py"]
    (project / "old.py").write_text(EVIL + "\n")
    assert found(capsys=capsys) == ["./deep/new.py", "./old.py"]


def test_paths_and_patterns_count_as_ever(project, capsys):
    for name in ("data/new.py", "deep/new.py", "new.py"):
        (project / name).write_text(EVIL)
    assert found("deep", "new.py", "old.py", capsys=capsys) == ["deep/new.py", "new.py"]
    assert found("--exclude", "data/*", capsys=capsys) == ["./deep/new.py", "./new.py"]


def test_a_directory_that_does_not_open_is_told(project, capsys, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert main(["audit", "--since", "HEAD"]) == 2
    assert "LEY001 ./deep" in capsys.readouterr().out


def test_the_permissions_of_directories_are_no_change(project, capsys):
    (project / "deep" / "new.npy").write_bytes(b"\x93NUMPY")
    (project / "deep").chmod(0o777)
    assert "LEY502" not in str(found(capsys=capsys))


@pytest.mark.parametrize("options", [["--save"], ["--write-baseline", "base.json"]])
def test_what_it_finds_is_not_kept(project, capsys, options):
    assert main(["audit", "--since", "HEAD", *options]) == 2
    assert f"does not go with {options[0]}" in capsys.readouterr().err
    assert sorted(path.name for path in project.iterdir()) == [".git", "data", "deep", "old.py"]


def test_it_is_not_compared_with_an_audit_of_everything(capsys):
    main(["audit", "--save"])
    capsys.readouterr()
    main(["audit", "--since", "HEAD"])
    assert "mended" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["nothing", ""])
def test_a_commit_that_is_none_ends_with_2(capsys, name):
    assert main(["audit", f"--since={name}"]) == 2
    assert "knows no commit" in capsys.readouterr().err
