from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from leyden.errors import PathError
from leyden.security import paths
from leyden.security.paths import beneath, private_directory, replacing


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize(
    "name", ["a", "a/b.ckpt", "./a//b", "epoch=1-val/loss=0.5.ckpt", "..a", "a..b/c...", "~", "$HOME"]
)
def test_a_name_from_a_file_is_found_beneath_its_directory(tmp_path, name):
    assert beneath(tmp_path, name) == tmp_path.resolve() / name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "names nothing"),
        (".", "names nothing"),
        ("/etc/passwd", "not relative"),
        ("//server/share", "not relative"),
        ("..", "leads out"),
        ("../x", "leads out"),
        ("a/../../x", "leads out"),
        ("a/..", "leads out"),
        ("a\0b", "not relative"),
        ("..\\x", "not relative"),
        ("C:x", "not relative"),
        ("C:/x", "not relative"),
    ],
)
def test_a_name_that_could_lead_elsewhere_is_refused(tmp_path, name, reason):
    with pytest.raises(PathError, match=reason):
        beneath(tmp_path, name)


@pytest.mark.parametrize("target", ["/etc", "inside", "nowhere"])
def test_a_link_on_the_way_is_refused_wherever_it_leads(tmp_path, target):
    (tmp_path / "inside").mkdir()
    (tmp_path / "link").symlink_to(target)
    for name in ("link", "link/passwd"):
        with pytest.raises(PathError, match="link is a link"):
            beneath(tmp_path, name)


def test_the_directory_itself_may_be_reached_through_a_link(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "link").symlink_to("runs")
    assert beneath(tmp_path / "link", "a") == tmp_path.resolve() / "runs" / "a"


def test_missing_directories_are_created_for_their_owner_alone(tmp_path):
    (tmp_path / "shared").mkdir(mode=0o755)
    path = tmp_path / "shared" / "a" / "b"
    assert private_directory(path) == path
    assert [mode(here) for here in (path, path.parent)] == [0o700, 0o700]
    assert mode(tmp_path / "shared") == 0o755
    assert private_directory(path) == path


def test_a_file_in_the_place_of_a_directory_is_named(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(PathError, match="a is not a directory"):
        private_directory(tmp_path / "a")


@pytest.mark.parametrize("handles", [True, False])
def test_a_written_file_is_private_and_whole(tmp_path, monkeypatch, handles):
    monkeypatch.setattr(paths, "_HAS_DIRECTORY_HANDLES", handles)  # Windows has none
    path = tmp_path / "x.ckpt"
    with replacing(path) as stream:
        stream.write(b"new")
        assert not path.exists()
        [temporary] = tmp_path.iterdir()
        assert mode(temporary) == 0o600
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_after_an_error_the_old_file_is_whole_and_nothing_else_is_left(tmp_path, error):
    path = tmp_path / "x.ckpt"
    path.write_bytes(b"old")

    def fails_halfway():
        with replacing(path) as stream:
            stream.write(b"new")
            raise error

    with pytest.raises(error):
        fails_halfway()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_as_long_in_its_name_as_can_be_is_written(tmp_path):
    path = tmp_path / ("n" * 255)
    with replacing(path) as stream:
        stream.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_link_in_the_place_of_the_file_is_replaced_and_what_it_points_to_is_left(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    link = tmp_path / "x.ckpt"
    link.symlink_to(victim)
    with replacing(link) as stream:
        stream.write(b"new")
    assert victim.read_bytes() == b"precious"
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"


def test_a_directory_in_the_place_of_the_file_is_named(tmp_path):
    (tmp_path / "x.ckpt").mkdir()
    with pytest.raises(PathError, match=r"x.ckpt is a directory"), replacing(tmp_path / "x.ckpt"):
        pytest.fail("the block must not run")
    assert [path.name for path in tmp_path.iterdir()] == ["x.ckpt"]


def test_a_missing_directory_is_an_error_before_the_block(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "missing" / "x"):
        pytest.fail("the block must not run")


def test_a_process_that_dies_before_the_file_takes_its_name_leaves_the_old_one(tmp_path):
    path = tmp_path / "x.ckpt"
    path.write_bytes(b"old")
    code = """
import os, sys
from pathlib import Path
from leyden.security import paths
from leyden.security.paths import replacing
with replacing(Path(sys.argv[1])) as stream:
    stream.write(b"new")
    os.fsync(stream.fileno())
    os._exit(9)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    assert subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=False).returncode == 9
    assert path.read_bytes() == b"old"
    [left] = [other for other in tmp_path.iterdir() if other != path]
    assert left.name.endswith(".leyden-tmp")
    with replacing(path) as stream:
        stream.write(b"newer")
    assert path.read_bytes() == b"newer"
