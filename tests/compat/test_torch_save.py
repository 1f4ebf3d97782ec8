"""torch.save, as programs write files with it: the files are torch's, and known again."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
import threading
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path

import pytest
import torch

from leyden.compat import torch_save
from leyden.compat.torch_guard import guard, plain_save, unguard, unsafe_plain_load
from leyden.core.warnings import LeydenWarning
from leyden.security import saves

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def guarded(tmp_path, monkeypatch):
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(torch_save, "_WRITTEN", OrderedDict())
    torch_save._warn_once.cache_clear()
    guard(torch.serialization)
    yield
    unguard()


def known(content: bytes) -> bool:
    """Whether a later process would know it."""
    return saves.read().has(sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", ["model.pt", "modèle.pt"])
def test_the_file_is_one_of_torchs_and_on_record_to_the_byte(tmp_path, name, legacy):
    value = {"weight": torch.arange(300_000.0), "epoch": 3}
    torch.save(value, tmp_path / name, _use_new_zipfile_serialization=not legacy)
    assert torch.equal(unsafe_plain_load(tmp_path / name)["weight"], value["weight"])
    content = (tmp_path / name).read_bytes()
    assert known(content)
    assert not known(content[:-1])
    buffer = io.BytesIO()
    plain_save(value, buffer, _use_new_zipfile_serialization=not legacy)
    assert buffer.getvalue() == content


def test_every_way_of_naming_the_target_does_the_same(tmp_path):
    torch.save({"a": 1}, str(tmp_path / "a.pt"))
    torch.save(obj={"a": 1}, f=tmp_path / "b.pt")
    with (tmp_path / "c.pt").open("wb") as file:
        torch.save({"a": 1}, file)
    assert len({(tmp_path / name).read_bytes() for name in ("a.pt", "b.pt", "c.pt")}) == 1
    assert known((tmp_path / "c.pt").read_bytes())


def test_a_buffer_is_remembered_by_this_process_alone(tmp_path):
    buffer = io.BytesIO()
    torch.save({"a": 1}, buffer)
    content = buffer.getvalue()
    assert torch_save.wrote(sha256(content).hexdigest(), len(content))
    assert not (tmp_path / "home").exists()


def test_a_stream_that_is_no_file_is_remembered_by_this_process_alone(tmp_path):
    class Stream:
        content = b""

        def write(self, part):
            self.content += bytes(part)
            return len(part)

        def flush(self):
            pass

    stream = Stream()
    torch.save({"a": 1}, stream)
    assert torch.load(io.BytesIO(stream.content), weights_only=False) == {"a": 1}
    assert torch_save.wrote(sha256(stream.content).hexdigest(), len(stream.content))
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("target", ["missing/x.pt", ".", 3])
def test_an_error_is_torchs_own(tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((RuntimeError, AttributeError)) as expected:
        plain_save(1, target)
    with pytest.raises(type(expected.value)) as caught:
        torch.save(1, target)
    assert str(caught.value).splitlines()[0] == str(expected.value).splitlines()[0]
    assert not (tmp_path / "home").exists()


def test_a_file_with_holes_is_not_on_record(tmp_path):
    with torch.serialization.skip_data(), (tmp_path / "plain.pt").open("wb") as file:
        torch.save({"weight": torch.ones(1000)}, tmp_path / "holes.pt")
        plain_save({"weight": torch.ones(1000)}, file)
    content = (tmp_path / "holes.pt").read_bytes()
    assert content == (tmp_path / "plain.pt").read_bytes()
    assert not known(content)


def test_where_no_record_can_be_kept_one_warning_says_what_follows(tmp_path, monkeypatch):
    (tmp_path / "home").touch()
    with pytest.warns(LeydenWarning, match="by this process and its workers.*No record of what torch.save"):
        torch.save({1}, tmp_path / "a.pt")
    torch.save({2}, tmp_path / "b.pt")
    assert torch.load(tmp_path / "b.pt", weights_only=False) == {2}


def test_what_a_process_remembers_is_bounded(monkeypatch):
    monkeypatch.setattr(torch_save, "_MOST", 3)
    contents = []
    for number in range(5):
        buffer = io.BytesIO()
        torch.save(number, buffer)
        contents.append(buffer.getvalue())
    assert [torch_save.wrote(sha256(one).hexdigest(), len(one)) for one in contents] == [False, False, True, True, True]


def test_threads_that_save_at_once_are_all_on_record(tmp_path):
    threads = [
        threading.Thread(target=torch.save, args=({"weight": torch.full((5000,), number)}, tmp_path / f"{number}.pt"))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(known((tmp_path / f"{number}.pt").read_bytes()) for number in range(8))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_worker_that_is_forked_while_a_thread_remembers_does_not_wait_for_it():
    program = """
    import os, sys, threading
    from leyden.compat.torch_save import _LOCK

    sys.setswitchinterval(60)
    held, forking = threading.Event(), threading.Event()

    def remember():
        with _LOCK:
            held.set()
            forking.wait()

    thread = threading.Thread(target=remember)
    thread.start()
    held.wait()
    os.register_at_fork(before=forking.set)  # the last one is called first
    child = os.fork()
    if child == 0:
        os._exit(0 if _LOCK.acquire(timeout=1) else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    thread.join()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.stdout == "0\n", done.stderr
