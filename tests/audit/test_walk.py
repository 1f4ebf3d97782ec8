from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from leyden.audit import walk
from leyden.audit.finding import Finding
from leyden.audit.walk import Found, Walk, unreadable


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def walked(*paths: Path, **options) -> list[str]:
    """Names of files, and the rule where there is a finding."""
    names = []
    for item in Walk(tuple(map(str, paths)), **options):
        path = item.path if isinstance(item, Found) else item.place.path
        rule = "" if isinstance(item, Found) else f" {item.rule}"
        names.append(os.path.relpath(path, paths[0]) + rule)
    return names


def test_files_come_in_the_order_of_their_names_and_directories_in_their_place(tmp_path):
    for name in ("b/2", "b/1", "a.pt", "c", "b/1a/x"):
        touch(tmp_path / name)
    assert walked(tmp_path) == ["a.pt", "b/1", "b/1a/x", "b/2", "c"]


def test_a_named_file_is_found_through_a_link(tmp_path):
    (tmp_path / "link").symlink_to(touch(tmp_path / "file"))
    assert [item.path for item in Walk((str(tmp_path / "link"),))] == [str(tmp_path / "link")]


def test_a_path_that_is_not_there_is_a_finding(tmp_path):
    assert walked(tmp_path / "missing") == [". LEY001"]


def test_links_in_circles_end(tmp_path):
    touch(tmp_path / "a" / "file")
    (tmp_path / "a" / "up").symlink_to("..", target_is_directory=True)
    (tmp_path / "self").symlink_to("self")
    assert walked(tmp_path) == ["a/file", "self LEY007"]


def test_a_link_to_a_file_is_looked_at_wherever_it_leads(tmp_path):
    outside = touch(tmp_path / "blobs" / "0a1b")
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "model.pt").symlink_to(outside)
    assert walked(tmp_path / "snapshot") == ["model.pt"]


def test_a_link_out_of_the_tree_is_told_and_not_followed(tmp_path):
    touch(tmp_path / "elsewhere" / "file")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "data").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "tree" / "gone").symlink_to("nowhere")
    assert walked(tmp_path / "tree") == ["data LEY007", "gone LEY007"]


def test_pipes_and_sockets_are_told_and_not_opened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert walked(tmp_path) == ["pipe LEY006", "socket LEY006"]


def test_what_tools_write_for_themselves_is_left_out_and_named(tmp_path):
    for name in (".git/config", "env/pyvenv.cfg", "env/lib/x.py", "src/__pycache__/a.pyc", "src/a.py"):
        touch(tmp_path / name)
    pass_over = Walk((str(tmp_path),), own=str(tmp_path.parent))
    assert [item.path for item in pass_over] == [str(tmp_path / "src" / "a.py")]
    assert sorted(map(os.path.basename, pass_over.left_out)) == [".git", "__pycache__", "env"]
    assert len(walked(tmp_path, everything=True, own=str(tmp_path))) == 5


def test_nothing_of_a_strangers_tree_is_left_out(tmp_path):
    for name in ("theirs/.git/config", "theirs/env/pyvenv.cfg", "own/.git/config"):
        touch(tmp_path / name)
    assert walked(tmp_path / "theirs", own=str(tmp_path / "own")) == [".git/config", "env/pyvenv.cfg"]
    assert walked(tmp_path / "own", own=str(tmp_path / "own")) == []


def test_what_is_left_out_under_its_name_is_looked_at_where_a_link_leads_to_it(tmp_path):
    touch(tmp_path / ".git" / "hidden" / "model.pt")
    touch(tmp_path / "z")
    (tmp_path / "models").symlink_to(".git/hidden")
    (tmp_path / "again").symlink_to(".git/hidden")
    assert walked(tmp_path, own=str(tmp_path)) == ["z", "models/model.pt"]


def test_a_directory_is_looked_at_when_it_is_named_whatever_it_is_called(tmp_path):
    touch(tmp_path / ".git" / "hook")
    touch(tmp_path / ".git" / "pyvenv.cfg")
    assert walked(tmp_path / ".git") == ["hook", "pyvenv.cfg"]


def test_patterns_leave_out_names_and_paths(tmp_path, monkeypatch):
    for name in ("data/a.pt", "data/b.pt", "runs/a.pt", "x.tmp", "runs/y.tmp"):
        touch(tmp_path / name)
    assert walked(tmp_path, exclude=("data", "*.tmp")) == ["runs/a.pt"]
    assert walked(tmp_path, exclude=("data/*",)) == ["runs/a.pt", "runs/y.tmp", "x.tmp"]
    monkeypatch.chdir(tmp_path)
    assert [item.path for item in Walk((".",), ("runs/a.*", "data", "*.tmp"))] == []


def test_names_that_are_no_text_are_kept_as_they_are(tmp_path):
    odd = touch(tmp_path / os.fsdecode(b"\xff\n\x1b[2J"))
    (found,) = Walk((str(tmp_path),))
    assert os.fsencode(found.path).endswith(b"/\xff\n\x1b[2J")
    assert found.path == str(odd)


def test_a_directory_named_twice_is_walked_once(tmp_path):
    touch(tmp_path / "a" / "file")
    assert walked(tmp_path, tmp_path / "a") == ["a/file"]
    assert walked(tmp_path / "a", tmp_path) == ["file"]


def test_what_the_system_refuses_is_a_finding(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    touch(tmp_path / "open" / "file")
    real = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(walk.os, "scandir", scandir)
    assert walked(tmp_path) == ["closed LEY001", "open/file"]


def test_a_file_that_went_away_is_told_from_one_that_may_not_be_read():
    assert unreadable("x", FileNotFoundError(2, "No such file")).rule == "LEY005"
    refused = unreadable("x", PermissionError(13, "Permission denied", "/secret/path"))
    assert (refused.rule, refused.message) == ("LEY001", "It cannot be read: permission denied.")


def test_a_thousand_directories_inside_each_other_cost_no_stack(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(300):
        Path("d" * 10).mkdir()
        os.chdir("d" * 10)
    touch(Path("file"))
    items = list(Walk((str(tmp_path),)))
    assert len(items) == 1
    assert isinstance(items[0], (Found, Finding))
    assert stat.S_ISDIR(tmp_path.stat().st_mode)


def test_a_pipe_that_is_named_itself_is_something_that_could_not_be_looked_at(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (finding,) = Walk((str(tmp_path / "pipe"),))
    assert (finding.rule, finding.blind) == ("LEY001", True)
