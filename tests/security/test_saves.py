"""The record of what torch.save wrote."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from leyden.errors import KeyStoreError
from leyden.security import saves

ROOT = Path(__file__).resolve().parents[2]
ONE, TWO = "ab" * 32, "cd" * 32


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def environment(home):
    return {"LEYDEN_HOME": str(home)}


def test_what_is_noted_is_known_by_digest_and_length_together(environment):
    saves.note(ONE, 100, environment)
    saves.note(TWO, 1, environment)
    known = saves.read(environment)
    assert known.has(ONE, 100)
    assert known.has(TWO, 1)
    assert not known.has(ONE, 1)
    assert not known.has(TWO, 10)
    assert [known.has_length(length) for length in (100, 1, 10, 0)] == [True, True, False, False]
    assert known.lengths() == {100, 1}


@pytest.mark.parametrize("digest", ["", ONE[:-1], ONE.upper(), f"{ONE} 100\n{TWO}", "b" * 63 + "\n"])
def test_what_is_no_digest_is_never_known(environment, digest):
    saves.note(ONE, 100, environment)
    saves.note(TWO, 100, environment)
    assert not saves.read(environment).has(digest, 100)


def test_without_a_record_nothing_is_known(environment, home):
    assert not saves.read(environment).has(ONE, 100)
    home.mkdir()
    assert not saves.read(environment).has(ONE, 100)


def test_the_record_is_private(environment, home):
    saves.note(ONE, 100, environment)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in home.iterdir()] == [("saves.txt", 0o600)]


def test_a_line_that_was_cut_short_takes_no_other_with_it(environment, home):
    saves.note(ONE, 100, environment)
    with (home / "saves.txt").open("a") as stream:
        stream.write(TWO)
    saves.note(TWO, 5, environment)
    assert saves.read(environment).has(ONE, 100)
    assert saves.read(environment).has(TWO, 5)


def test_when_it_is_full_the_oldest_half_is_forgotten(environment, home, monkeypatch):
    monkeypatch.setattr(saves, "_LARGEST", 1_000)
    digests = [f"{number:064x}" for number in range(60)]
    for digest in digests:
        saves.note(digest, 7, environment)
    known = [digest for digest in digests if saves.read(environment).has(digest, 7)]
    assert known == digests[-len(known) :]
    assert 13 <= len(known) <= 28
    assert sum(path.stat().st_size for path in home.iterdir()) < 2 * 1_000 + 200


def test_no_save_is_lost_where_several_processes_note_at_once(environment, home):
    program = (
        "import sys; from leyden.security import saves; saves._LARGEST = 20_000\n"
        "for number in range(100): saves.note(f'{sys.argv[1]}{number:063x}', 7)"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, first], env=os.environ | environment | {"PYTHONPATH": str(ROOT / "src")}
        )
        for first in "abc"
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    known = saves.read(environment)
    assert all(known.has(f"{first}{number:063x}", 7) for first in "abc" for number in range(100))
    assert {path.name for path in home.iterdir()} == {"saves.txt", "saves.old.txt"}


@pytest.mark.parametrize("mode", [0o622, 0o660, 0o602])
def test_a_record_that_others_may_write_to_is_not_believed(environment, home, mode):
    saves.note(ONE, 100, environment)
    (home / "saves.txt").chmod(mode)
    with pytest.raises(KeyStoreError, match="Others may write to .*saves.txt.* chmod 600"):
        saves.read(environment)
    with pytest.raises(KeyStoreError, match="Others may write to"):
        saves.note(TWO, 100, environment)


def test_a_record_in_a_directory_that_others_may_write_to_is_not_believed(environment, home):
    saves.note(ONE, 100, environment)
    home.chmod(0o777)
    with pytest.raises(KeyStoreError, match="Others may write to"):
        saves.read(environment)
    with pytest.raises(KeyStoreError, match="Others may write to"):
        saves.note(TWO, 100, environment)


def test_a_link_in_the_place_of_the_record_is_followed_by_nobody(environment, home, tmp_path):
    saves.note(ONE, 100, environment)
    (home / "saves.txt").rename(tmp_path / "elsewhere")
    (home / "saves.txt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyStoreError, match="cannot be read"):
        saves.read(environment)
    with pytest.raises(KeyStoreError, match="can be kept"):
        saves.note(TWO, 100, environment)


def test_a_pipe_in_the_place_of_the_record_makes_nobody_wait(environment, home):
    home.mkdir(mode=0o700)
    os.mkfifo(home / "saves.txt", 0o600)
    with pytest.raises(KeyStoreError, match="is not a file"):
        saves.read(environment)


def test_where_nothing_can_be_kept_the_error_names_the_place(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(KeyStoreError, match="No record of what torch.save writes can be kept in .*file"):
        saves.note(ONE, 100, {"LEYDEN_HOME": str(tmp_path / "file")})
