from __future__ import annotations

import json
import stat

import pytest

from leyden.audit.advisories import signed
from leyden.audit.advisories.listed import SHIPPED, listed
from leyden.cli import advisories_kept
from leyden.cli.main import main
from leyden.security import keys


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "home"))
    listed.cache_clear()


@pytest.fixture
def ours(monkeypatch):
    """The key of this test's user, which signs as a maintainer."""
    monkeypatch.setattr(signed, "MAINTAINERS", (keys.identity().public,))
    return keys.home() / "identity.key"


def said(capsys, *arguments, code=0):
    assert main(["advisories", *map(str, arguments)]) == code
    return capsys.readouterr()


def written(path, number, date="2027-03-01", **changes):
    listing = json.loads(SHIPPED.read_text()) | {"number": number, "date": date} | changes
    path.write_text(json.dumps(listing))
    return path


def published(path, number, key, capsys, **changes):
    said(capsys, "sign", written(path, number, **changes), "--key", key)
    return path


def test_the_list_that_is_shipped_is_signed_by_a_maintainer(capsys):
    assert "a key of the maintainers" in said(capsys, "verify").out


def test_a_package_and_a_release_are_looked_up(capsys):
    assert "CVE-2025-32434" in said(capsys, "show", "Torch==2.5.1+cpu", code=1).out
    assert "Nothing is known" in said(capsys, "show", "torch==2.13.0").out
    assert "CVE-2024-5480" in said(capsys, "show", "torch").out
    assert "torchtriton" in said(capsys).out


def test_a_newer_list_is_taken_kept_in_private_and_used(tmp_path, capsys, ours):
    said(capsys, "update", published(tmp_path / "a.json", 2, ours, capsys))
    newer = published(tmp_path / "b.json", 3, ours, capsys)
    assert "List 3 of 2027-03-01" in said(capsys, "update", newer).out
    kept = advisories_kept.newest()
    assert (kept.catalogue().number, kept.wrong) == (3, "")
    folder = advisories_kept.directory()
    assert sorted(path.name for path in folder.iterdir()) == ["list-3.json", "list-3.json.sig"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "is here already" in said(capsys, "update", newer).out


@pytest.mark.parametrize(("number", "date"), [(2, "2027-03-01"), (4, "2026-12-01")])
def test_an_older_list_never_takes_the_place_of_a_newer_one(tmp_path, capsys, ours, number, date):
    said(capsys, "update", published(tmp_path / "new.json", 3, ours, capsys))
    older = published(tmp_path / "old.json", number, ours, capsys, date=date)
    assert "is here already" in said(capsys, "update", older, code=2).err
    assert advisories_kept.newest().catalogue().number == 3


def test_a_list_that_nobody_or_a_stranger_has_signed_is_refused(tmp_path, capsys, ours, monkeypatch):
    path = published(tmp_path / "list.json", 2, ours, capsys)
    monkeypatch.setattr(signed, "MAINTAINERS", (bytes(32),))
    assert "does not count" in said(capsys, "update", path, code=2).err
    path.with_name("list.json.sig").unlink()
    said(capsys, "update", path, code=2)
    assert not advisories_kept.directory().exists()


def test_a_list_that_was_changed_is_refused(tmp_path, capsys, ours):
    path = published(tmp_path / "list.json", 2, ours, capsys)
    path.write_text(path.read_text().replace("torchtriton", "torchvision"))
    assert "somebody changed" in said(capsys, "verify", path, code=2).err
    assert "somebody changed" in said(capsys, "update", path, code=2).err


def test_only_a_maintainer_signs(tmp_path, capsys):
    key = keys.home() / "identity.key"
    keys.identity()
    path = written(tmp_path / "list.json", 2)
    assert "no key of the maintainers" in said(capsys, "sign", path, "--key", key, code=2).err


def test_a_kept_list_that_was_tampered_with_does_not_count(tmp_path, capsys, ours):
    said(capsys, "update", published(tmp_path / "a.json", 2, ours, capsys))
    path = advisories_kept.directory() / "list-2.json"
    path.write_text(path.read_text().replace("torchtriton", "torchvision"))
    kept = advisories_kept.newest()
    assert kept.path == ""
    assert "somebody changed" in kept.wrong
    assert "does not count" in said(capsys).out


def test_a_kept_list_under_the_number_of_another_does_not_count(tmp_path, capsys, ours):
    said(capsys, "update", published(tmp_path / "a.json", 2, ours, capsys))
    folder = advisories_kept.directory()
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace("list-2", "list-9"))
    assert "is the list of number 2" in advisories_kept.newest().wrong


@pytest.mark.parametrize("action", ["verify", "update"])
@pytest.mark.parametrize(("there", "missing"), [((), "list.json"), (("list.json",), "list.json.sig")])
def test_what_is_missing_is_named_with_what_has_to_be_there(tmp_path, capsys, action, there, missing):
    for name in there:
        (tmp_path / name).write_text("{}")
    assert main(["advisories", action, str(tmp_path / "list.json")]) == 2
    told = capsys.readouterr().err
    assert f"There is no file {tmp_path / missing}. Name a list of advisories that has list.json.sig" in told


def test_an_address_that_is_not_https_is_not_asked(capsys):
    assert "https" in said(capsys, "update", "http://example.org/list.json", code=2).err


def test_an_audit_uses_the_newest_list_that_is_signed(tmp_path, capsys, ours, monkeypatch):
    project = tmp_path / "project"
    project.mkdir()
    (project / "requirements.txt").write_text("numpy==2.3.0 --hash=sha256:00")
    monkeypatch.chdir(project)
    entry = json.loads(SHIPPED.read_text())["advisories"][0]
    entry |= {"id": "CVE-2030-1", "packages": ["numpy"], "affected": ["<3"], "fixed": ""}
    assert main(["audit"]) == 0
    said(capsys, "update", published(tmp_path / "a.json", 2, ours, capsys, advisories=[entry]))
    assert main(["audit"]) == 1
    assert "CVE-2030-1" in capsys.readouterr().out
    kept = advisories_kept.directory() / "list-2.json"
    kept.write_text(kept.read_text() + " ")
    listed.cache_clear()
    assert main(["audit"]) == 1
    shown = capsys.readouterr().out
    assert "CVE-2030-1" not in shown
    assert "LEY414" in shown


def test_workers_are_told_which_list_counts(tmp_path, capsys, ours, monkeypatch):
    """More files than one process looks at by itself."""
    project = tmp_path / "project"
    project.mkdir()
    for number in range(70):
        (project / f"requirements-{number}.txt").write_text("numpy==2.3.0 --hash=sha256:00")
    monkeypatch.chdir(project)
    entry = json.loads(SHIPPED.read_text())["advisories"][0]
    entry |= {"packages": ["numpy"], "affected": ["<3"], "fixed": ""}
    said(capsys, "update", published(tmp_path / "a.json", 2, ours, capsys, advisories=[entry]))
    assert main(["audit", "--jobs", "1"]) == 1
    assert capsys.readouterr().out.count("LEY404") >= 70
