from __future__ import annotations

import os
import stat

import pytest

from leyden.audit.fix import own
from leyden.audit.fix.apply import rewrite
from leyden.audit.fix.own import LARGEST, own_text
from leyden.audit.fix.steps import Leave, Rewrite
from leyden.errors import PathError
from leyden.security.paths import replacing

BEFORE = b"\xef\xbb\xbf# caf\xe9\r\n\told = 1\r\nlast"
AFTER = BEFORE.replace(b"old", b"new")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "train.py"
    path.write_bytes(BEFORE)
    path.chmod(0o750)
    return path


def step(path) -> Rewrite:
    return Rewrite(str(path), BEFORE, AFTER, ("`old` becomes `new`",), ())


def test_the_text_is_replaced_and_all_else_stays(path):
    rewrite(step(path), replacing)
    assert path.read_bytes() == AFTER
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert [one.name for one in path.parent.iterdir()] == ["train.py"]


@pytest.mark.parametrize("content", [BEFORE[:-1], BEFORE + b"\n", b"", AFTER])
def test_a_file_that_changed_after_the_plan_is_not_touched(path, content):
    path.write_bytes(content)
    with pytest.raises(PathError, match="changed since"):
        rewrite(step(path), replacing)
    assert path.read_bytes() == content


def test_what_an_editor_saves_meanwhile_is_not_lost(path):
    class Meanwhile:
        def __init__(self, target):
            self.block = replacing(target)

        def __enter__(self):
            path.write_bytes(b"saved by an editor")
            return self.block.__enter__()

        def __exit__(self, *error):
            return self.block.__exit__(*error)

    with pytest.raises(PathError, match="changed since"):
        rewrite(step(path), Meanwhile)
    assert path.read_bytes() == b"saved by an editor"
    assert [one.name for one in path.parent.iterdir()] == ["train.py"]


def test_a_link_that_took_its_place_is_not_followed(path):
    moved = path.rename(path.with_name("elsewhere.py"))
    path.symlink_to(moved)
    with pytest.raises(OSError, match="link"):
        rewrite(step(path), replacing)
    assert moved.read_bytes() == BEFORE


def test_a_second_name_that_came_meanwhile_is_not_left_behind(path):
    os.link(path, path.with_name("second.py"))
    with pytest.raises(PathError):
        rewrite(step(path), replacing)


def test_the_text_of_a_file_of_ones_own_is_read(path):
    assert own_text(str(path)) == BEFORE


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: os.link(path, path.with_name("second.py")), "other names"),
        (lambda path: path.write_bytes(b"#" * (LARGEST + 1)), "longer than"),
        (lambda path: path.unlink(), "cannot be looked at"),
        (lambda path: (path.rename(path.with_name("a")), path.symlink_to("a")), "is a link"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "not a regular file"),
    ],
)
def test_what_may_not_be_replaced_is_left_with_the_reason(path, spoil, reason):
    spoil(path)
    left = own_text(str(path))
    assert isinstance(left, Leave)
    assert reason in left.reason


def test_the_text_of_somebody_else_is_left(path, monkeypatch):
    monkeypatch.setattr(own.os, "geteuid", lambda: os.getuid() + 1)
    assert own_text(str(path)) == Leave(str(path), "it belongs to somebody else")
