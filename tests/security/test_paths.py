from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from leyden.errors import PathError, TakenError
from leyden.security import paths
from leyden.security.paths import beneath, private_directory, read_regular, relink, replacing, reserve, sweep


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
from leyden.security.paths import read_regular, replacing
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
        assert not left.exists()  # swept by the next writer
        stream.write(b"newer")
    assert path.read_bytes() == b"newer"


DEAD = ".0123456789abcdef.leyden-tmp"


def test_what_a_dead_process_left_is_swept_be_it_a_file_or_a_link(tmp_path):
    (tmp_path / DEAD).write_bytes(b"half")
    (tmp_path / DEAD.replace("0", "f")).symlink_to("x.ckpt")
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_a_writer_that_is_alive_is_not_swept(tmp_path):
    with replacing(tmp_path / "a") as first, replacing(tmp_path / "b") as second:
        sweep(tmp_path)
        first.write(b"1")
        second.write(b"2")
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir()) == [("a", b"1"), ("b", b"2")]


@pytest.mark.parametrize(
    "name", ["x.ckpt", "0123456789abcdef.leyden-tmp", ".0123.leyden-tmp", f"{DEAD}.ckpt", DEAD.upper(), f"x{DEAD}"]
)
def test_nothing_that_has_another_name_is_swept(tmp_path, name):
    (tmp_path / name).write_bytes(b"precious")
    sweep(tmp_path)
    assert (tmp_path / name).exists()


def test_neither_directories_nor_pipes_of_such_a_name_are_swept(tmp_path):
    (tmp_path / DEAD).mkdir()
    os.mkfifo(tmp_path / DEAD.replace("0", "f"))
    sweep(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_where_there_are_no_locks_nothing_is_swept_and_files_are_written(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no locks here")

    monkeypatch.setattr(paths.fcntl, "flock", refuse)
    (tmp_path / DEAD).write_bytes(b"somebody may be at work")
    with replacing(tmp_path / "x") as stream:
        stream.write(b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == [DEAD, "x"]


def test_a_file_that_is_swept_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    lock = paths.lock
    swept = []

    def slow(descriptor: int, wait: bool) -> bool:
        if wait and not swept:
            swept.extend(tmp_path.iterdir())
            swept[0].unlink()
        return lock(descriptor, wait)

    monkeypatch.setattr(paths, "lock", slow)
    with replacing(tmp_path / "x") as stream:
        stream.write(b"new")
    assert swept
    assert (tmp_path / "x").read_bytes() == b"new"


def test_files_in_a_directory_that_cannot_be_written_to_are_left_by_a_sweep(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    (tmp_path / DEAD).write_bytes(b"half")
    monkeypatch.setattr(os, "unlink", refuse)
    sweep(tmp_path)
    assert (tmp_path / DEAD).exists()


def test_a_link_takes_its_place_at_once_and_leaves_nothing_after_an_error(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"old")
    relink(path, "a.ckpt")
    assert path.readlink() == Path("a.ckpt")

    def refuse(*_, **__):
        raise OSError("full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="full"):
        relink(path, "b.ckpt")
    assert list(tmp_path.iterdir()) == [path]
    assert path.readlink() == Path("a.ckpt")


def test_data_is_on_the_disk_before_the_file_has_its_name_and_then_the_name_is(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        call = getattr(os, name)

        def noted(*args, name=name, call=call, **how):
            done.append(name)
            return call(*args, **how)

        monkeypatch.setattr(os, name, noted)
    with replacing(tmp_path / "x") as stream:
        stream.write(b"new")
    assert done == ["fsync", "replace", "fsync"]


def written(path: Path, data: bytes = b"new") -> None:
    with replacing(path) as stream:
        stream.write(data)


def test_a_free_name_is_reserved_once_until_it_is_released(tmp_path):
    first = reserve(tmp_path / "x")
    assert first is not None
    assert reserve(tmp_path / "x") is None
    assert reserve(tmp_path / "y") is not None
    first.release()
    assert reserve(tmp_path / "x") is not None


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_a_name_under_which_there_is_anything_cannot_be_reserved(tmp_path, make):
    make(tmp_path / "x")
    assert reserve(tmp_path / "x") is None
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_another_process_cannot_reserve_the_name_before_the_first_has_died(tmp_path):
    code = """
import sys
from pathlib import Path
from leyden.security.paths import reserve
kept = reserve(Path(sys.argv[1]))
print(kept is not None, flush=True)
sys.stdin.read()
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", code, str(tmp_path / "x")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as other:
        assert other.stdout.readline() == "True\n"
        assert reserve(tmp_path / "x") is None
        other.kill()
    assert reserve(tmp_path / "x") is not None


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("write", [written, lambda path: relink(path, "a")])
def test_what_comes_to_stand_under_a_reserved_name_is_not_replaced(tmp_path, monkeypatch, links, write):
    if not links:
        monkeypatch.setattr(os, "link", refusing(errno.EPERM))
    path = tmp_path / "x"
    kept = reserve(path)
    path.write_bytes(b"another program's")
    with pytest.raises(TakenError, match="x while that was written, and is not replaced") as caught:
        write(path)
    assert caught.value.path == path
    kept.release()
    assert path.read_bytes() == b"another program's"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("handles", [True, False])
@pytest.mark.parametrize("links", [True, False])
def test_a_reserved_name_can_be_written_and_then_replaced(tmp_path, monkeypatch, handles, links):
    monkeypatch.setattr(paths, "_HAS_DIRECTORY_HANDLES", handles)  # Windows has none
    if not links:
        monkeypatch.setattr(os, "link", refusing(errno.EOPNOTSUPP))
    path = tmp_path / "x"
    kept = reserve(path)
    for data in (b"1", b"2"):
        written(path, data)
    assert path.read_bytes() == b"2"
    kept.release()
    assert list(tmp_path.iterdir()) == [path]


def test_a_reservation_holds_however_the_directory_is_spelled(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    kept = reserve(tmp_path / "link" / "x")
    (tmp_path / "x").write_bytes(b"another program's")
    with pytest.raises(TakenError):
        written(tmp_path / "x")
    kept.release()


def test_a_reservation_is_given_back_where_its_directory_is_gone(tmp_path):
    (tmp_path / "a").mkdir()
    kept = reserve(tmp_path / "a" / "x")
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a").mkdir()
    other = reserve(tmp_path / "a" / "x")
    kept.release()
    assert len(list((tmp_path / "a").iterdir())) == 1  # that of the other
    other.release()


def test_where_there_are_no_locks_a_name_is_reserved_in_this_process_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(paths.fcntl, "flock", refusing(errno.ENOLCK))
    kept = reserve(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "x").write_bytes(b"another program's")
    with pytest.raises(TakenError):
        written(tmp_path / "x")
    kept.release()


def refusing(code: int):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    return refuse


def test_what_is_no_file_is_not_read_and_not_waited_for(tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    assert read_regular(tmp_path / "file", 4) == b"0123"
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(PathError, match="is not a file"):
            read_regular(tmp_path / name, 4)


def test_what_is_added_to_a_file_stands_behind_what_was_there(tmp_path):
    paths.append(tmp_path / "a", b"one\n")
    paths.append(tmp_path / "a", b"two\n")
    assert (tmp_path / "a").read_bytes() == b"one\ntwo\n"
    assert mode(tmp_path / "a") == 0o600


def test_nothing_is_added_through_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"mine")
    (tmp_path / "a").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match="symbolic links"):
        paths.append(tmp_path / "a", b"theirs")
    assert (tmp_path / "real").read_bytes() == b"mine"


def test_of_what_could_not_be_added_whole_nothing_is_left(tmp_path, monkeypatch):
    paths.append(tmp_path / "a", b"before\n")
    real, calls = os.write, []

    def fills_up(descriptor, data):
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "the disk is full")
        return real(descriptor, data[:3])

    monkeypatch.setattr(os, "write", fills_up)
    with pytest.raises(OSError, match="the disk is full"):
        paths.append(tmp_path / "a", b"after\n")
    assert calls == [6, 3]
    assert (tmp_path / "a").read_bytes() == b"before\n"


def test_a_file_is_created_once_and_whole(tmp_path):
    assert paths.create(tmp_path / "a", b"first")
    assert not paths.create(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert mode(tmp_path / "a") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_link_that_leads_nowhere_is_not_created_through(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    assert not paths.create(tmp_path / "a", b"x")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_is_set_aside_takes_no_name_that_is_in_use(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").symlink_to(tmp_path / "nowhere")
    with pytest.raises(PathError, match="is there already"):
        paths.set_aside(tmp_path / "a", "b")
    paths.set_aside(tmp_path / "a", "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "c"]


def test_a_file_is_closed_to_others_and_what_a_link_points_to_is_not(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x")
        (tmp_path / name).chmod(0o644)
    (tmp_path / "link").symlink_to(tmp_path / "b")
    paths.close_to_others(tmp_path / "a")
    paths.close_to_others(tmp_path / "link")
    assert (mode(tmp_path / "a"), mode(tmp_path / "b")) == (0o600, 0o644)


def test_what_a_link_points_to_is_not_removed_with_it(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner").symlink_to(tmp_path / "real")
    for name in ("link", "folder", "missing"):
        paths.remove(tmp_path / name)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["real", "real/x"]


def test_a_temporary_file_has_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with paths.private_temporary() as stream:
        paths.write_all(stream, b"x" * 100)
        assert list(tmp_path.iterdir()) == []
        assert os.fstat(stream.fileno()).st_nlink == 0
        assert stat.S_IMODE(os.fstat(stream.fileno()).st_mode) == 0o600


def test_a_block_for_a_directory_is_alone_with_it_until_it_ends(tmp_path):
    other = os.open(tmp_path, os.O_RDONLY)
    try:
        with paths.alone(tmp_path):
            assert paths.lock(other, wait=False) is False
            with paths.replacing(tmp_path / "a") as stream:
                stream.write(b"x")
        assert paths.lock(other, wait=False) is True
    finally:
        os.close(other)
