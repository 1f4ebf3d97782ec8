"""Files of an attacker's, given to torch's functions while they are guarded: none of them runs.

Each payload makes a directory when it is unpickled; ``armed`` checks first that it would.
"""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import tarfile
import textwrap
import threading
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from leyden.compat import torch_load, torch_save
from leyden.compat.torch_guard import guard, plain_save, unguard, unsafe_plain_load
from leyden.core.warnings import LeydenWarning
from leyden.errors import LeydenError, UsageError

ROOT = Path(__file__).resolve().parents[2]
READERS = {
    "torch.load": lambda file: torch.load(file, weights_only=False),
    "torch.load, by default": lambda file: torch.load(file),
    "torch.load, with a module": lambda file: torch.load(file, None, pickle),
    "torch.load, mapped": lambda file: torch.load(file, weights_only=False, mmap=True),
    "torch.load, decoded": lambda file: torch.load(file, weights_only=False, encoding="latin1"),
    "torch.serialization.load": lambda file: torch.serialization.load(file, weights_only=False),
    "the unsafe globals": lambda file: torch.serialization.get_unsafe_globals_in_checkpoint(file) and refuse(),
}


class Payload:
    """Unpickled, it makes a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __reduce__(self):
        return os.mkdir, (str(self.directory),)


class Loading:
    """An object of the program's own that reads another file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __setstate__(self, state):
        self.path = state["path"]
        self.found = torch.load(self.path, weights_only=False)


class LoadingAside(Loading):
    """The same in a thread, past the guard."""

    def __setstate__(self, state):
        self.found = []

        def load():
            with Path(state["path"]).open("rb") as file:
                try:
                    torch.serialization._legacy_load(file, None, pickle)
                except LeydenError as error:
                    self.found.append(error)

        thread = threading.Thread(target=load)
        thread.start()
        thread.join()


def refuse():
    raise UsageError("the caller sees that the file is not safe")


@pytest.fixture
def marker(tmp_path):
    path = tmp_path / "the payload was run"
    yield path
    assert not path.exists()


@pytest.fixture(autouse=True)
def guarded(tmp_path, monkeypatch):
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(torch_save, "_WRITTEN", OrderedDict())
    guard(torch.serialization)
    yield
    unguard()


def armed(path: Path, marker: Path) -> Path:
    """The file, which torch itself would run."""
    unsafe_plain_load(path, weights_only=False)
    marker.rmdir()
    return path


def zipped(path: Path, marker: Path) -> Path:
    plain_save({"a": torch.ones(2), "b": Payload(marker)}, path)
    return armed(path, marker)


def legacy(path: Path, marker: Path) -> Path:
    plain_save({"a": torch.ones(2), "b": Payload(marker)}, path, _use_new_zipfile_serialization=False)
    return armed(path, marker)


def first_of_five(path: Path, marker: Path) -> Path:
    """The older layout, with the payload in the place of its magic number."""
    path.write_bytes(pickle.dumps(Payload(marker)))
    with pytest.raises(RuntimeError):  # torch runs it, and then sees that it is no magic number
        unsafe_plain_load(path, weights_only=False)
    marker.rmdir()
    return path


def tarred(path: Path, marker: Path) -> Path:
    """The oldest layout, which torch 2.13 still reads."""
    with tarfile.open(path, "w") as archive:
        for name, content in {
            "storages": pickle.dumps(0) + pickle.dumps([]),
            "tensors": pickle.dumps(0),
            "pickle": pickle.dumps(Payload(marker), 2),
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return armed(path, marker)


def computed(path: Path, marker: Path) -> Path:
    """A name that stands nowhere in the file in one piece, and is called by STACK_GLOBAL."""
    return repickled(path, marker, b"\x80\x04\x8c\x02os\x94\x8c\x05mkdir\x93\x8c%c%s\x85R.")


def hidden(path: Path, marker: Path) -> Path:
    """A harmless value, before which the payload's is thrown away."""
    return repickled(path, marker, b"\x80\x04cos\nmkdir\n\x8c%c%s\x85R0K\x05.")


def inside_a_tensor(path: Path, marker: Path) -> Path:
    """A harmless name that loads its argument, which is a file of its own."""
    file = io.BytesIO()
    plain_save(Payload(marker), file)
    content = file.getvalue()
    pickled = b"\x80\x03ctorch.storage\n_load_from_bytes\nB" + len(content).to_bytes(4, "little") + content + b"\x85R."
    return archived(path, pickled)


def repickled(path: Path, marker: Path, pickled: bytes) -> Path:
    name = os.fsencode(marker)
    return armed(archived(path, pickled % (len(name), name)), marker)


def archived(path: Path, pickled: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {"data.pkl": pickled, "version": b"3\n", "byteorder": b"little"}.items():
            archive.writestr(f"archive/{name}", content)
    return path


def compressed(path: Path, marker: Path) -> Path:
    plain = zipped(path.with_suffix(".plain"), marker)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member))
    return armed(path, marker)


def named_safetensors(path: Path, marker: Path) -> Path:
    return legacy(path, marker).rename(path.with_suffix(".safetensors"))


def like_an_encrypted_one(path: Path, marker: Path) -> Path:
    legacy(path, marker)
    path.write_bytes(b"age-encryption.org/v1\n" + path.read_bytes())
    return path


FILES = [
    *(zipped, legacy, first_of_five, tarred, computed, hidden, inside_a_tensor, compressed),
    *(named_safetensors, like_an_encrypted_one),
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("make", FILES)
def test_a_file_that_runs_code_is_refused(tmp_path, marker, make, reader):
    path = make(tmp_path / "evil.pt", marker)
    with pytest.raises(LeydenError):
        READERS[reader](path)
    with pytest.raises(LeydenError), path.open("rb") as file:
        READERS[reader](file)
    with pytest.raises(LeydenError):
        READERS[reader](io.BytesIO(path.read_bytes()))


def test_the_environment_does_not_run_it(tmp_path, marker, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(LeydenError):
        torch.load(zipped(tmp_path / "evil.pt", marker))


def test_what_the_program_told_torch_to_be_safe_is_not_called_for_a_foreign_file(tmp_path, marker):
    path = zipped(tmp_path / "evil.pt", marker)
    with torch.serialization.safe_globals([(os.mkdir, "posix.mkdir"), (os.mkdir, "os.mkdir")]):
        with pytest.raises(LeydenError):
            torch.load(path, weights_only=True)
        assert torch.serialization.get_unsafe_globals_in_checkpoint(path) == ["posix.mkdir"]


# In the place of a file that is the user's own -----------------------------------------------------------------------


@pytest.fixture
def own(tmp_path):
    torch.save({"a": torch.ones(2), "b": "what the program saved"}, tmp_path / "own.pt")
    return tmp_path / "own.pt"


def of_length(path: Path, marker: Path, length: int) -> Path:
    """A payload in a file of just so many bytes, which torch would run."""
    legacy(path, marker)
    content = path.read_bytes()
    assert len(content) < length
    path.write_bytes(content + bytes(length - len(content)))
    return armed(path, marker)


def test_a_planted_file_of_the_same_name_and_length_is_foreign(tmp_path, own, marker):
    of_length(tmp_path / "evil.pt", marker, own.stat().st_size).replace(own)
    with pytest.raises(LeydenError):
        torch.load(own, weights_only=False)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_file_that_somebody_has_added_to_is_foreign(tmp_path, own, marker, place):
    evil, good = zipped(tmp_path / "evil.pt", marker).read_bytes(), own.read_bytes()
    own.write_bytes(evil + good if place == "before" else good + evil)
    with pytest.raises(LeydenError):
        torch.load(own, weights_only=False)
    stream = io.BytesIO(good + evil)
    stream.seek(len(good))
    with pytest.raises(LeydenError):
        torch.load(stream, weights_only=False)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("how", [Path.replace, lambda evil, own: own.write_bytes(evil.read_bytes())])
def test_a_file_that_is_swapped_once_it_was_checked_is_read_as_it_was(tmp_path, own, marker, monkeypatch, how, mapped):
    evil = of_length(tmp_path / "evil.pt", marker, own.stat().st_size)
    wrote = torch_load.wrote
    monkeypatch.setattr(torch_load, "wrote", lambda digest, length: (wrote(digest, length), how(evil, own))[0])
    assert torch.load(own, weights_only=False, mmap=mapped)["b"] == "what the program saved"


def test_a_file_that_is_swapped_before_it_is_checked_is_refused(tmp_path, own, marker, monkeypatch):
    evil = of_length(tmp_path / "evil.pt", marker, own.stat().st_size)
    may = torch_load.may_have_written
    monkeypatch.setattr(torch_load, "may_have_written", lambda length: (may(length), evil.replace(own))[0])
    with pytest.raises(LeydenError):
        torch.load(own, weights_only=False)


def test_a_file_that_is_swapped_while_it_is_written_is_not_taken_for_what_was_written(tmp_path, marker):
    evil = zipped(tmp_path / "evil.pt", marker)

    class Swapping:
        def __reduce__(self):  # while torch.save pickles, with the file open
            evil.replace(tmp_path / "own.pt")
            return str, ("harmless",)

    torch.save(Swapping(), tmp_path / "own.pt")
    with pytest.raises(LeydenError):
        torch.load(tmp_path / "own.pt", weights_only=False)


def test_a_stream_that_answers_otherwise_the_second_time_is_read_once(tmp_path, own, marker):
    class Turning(io.BytesIO):
        reads = 0

        def read(self, *size):
            self.reads += 1
            return super().read(*size) if self.reads == 1 else evil

        def readinto(self, buffer):
            raise AssertionError

    evil = zipped(tmp_path / "evil.pt", marker).read_bytes()
    assert torch.load(Turning(own.read_bytes()), weights_only=False)["b"] == "what the program saved"


def test_a_path_that_names_another_file_the_second_time_is_asked_once(tmp_path, own, marker):
    class Turning:
        asked = 0

        def __fspath__(self):
            self.asked += 1
            return str(own if self.asked == 1 else evil)

    evil = zipped(tmp_path / "evil.pt", marker)
    assert torch.load(Turning(), weights_only=False)["b"] == "what the program saved"


def test_a_digest_that_somebody_else_could_have_noted_is_not_believed(tmp_path, own, marker, monkeypatch):
    from hashlib import sha256

    evil = zipped(tmp_path / "evil.pt", marker)
    record = tmp_path / "home" / "saves.txt"
    record.write_text(f"\n{sha256(evil.read_bytes()).hexdigest()} {evil.stat().st_size}\n")
    record.chmod(0o666)
    with pytest.warns(LeydenWarning, match="Others may write to"), pytest.raises(LeydenError):
        torch.load(evil, weights_only=False)


def test_a_save_that_failed_leaves_nothing_that_is_believed(tmp_path, marker):
    class Failing:
        def __reduce__(self):
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        torch.save([Failing()], tmp_path / "own.pt")
    assert not torch_save._WRITTEN
    assert not (tmp_path / "home").exists()


# From inside ----------------------------------------------------------------------------------------------------------


def test_an_object_of_ones_own_that_reads_another_file_opens_nothing_for_it(tmp_path, marker):
    evil = zipped(tmp_path / "evil.pt", marker)
    torch.save(Loading(evil), tmp_path / "own.pt")
    with pytest.raises(LeydenError):
        torch.load(tmp_path / "own.pt", weights_only=False)


def test_while_a_file_of_ones_own_is_read_other_threads_find_the_door_closed(tmp_path, marker):
    evil = legacy(tmp_path / "evil.pt", marker)
    torch.save(LoadingAside(evil), tmp_path / "own.pt")
    (error,) = torch.load(tmp_path / "own.pt", weights_only=False).found
    assert isinstance(error, UsageError)


def test_after_a_load_that_failed_the_door_is_closed(tmp_path, marker, own):
    with pytest.raises(ValueError, match="mmap"), own.open("rb") as file:
        torch.load(file, weights_only=False, mmap=True)
    with legacy(tmp_path / "evil.pt", marker).open("rb") as file, pytest.raises(UsageError):
        torch.serialization._legacy_load(file, None, pickle)


# By other ways of torch that come past torch.load ---------------------------------------------------------------------


def test_torch_hub_runs_no_file_that_it_finds_in_its_cache(tmp_path, marker):
    zipped(tmp_path / "evil.pt", marker)
    with pytest.raises(LeydenError):
        torch.hub.load_state_dict_from_url("http://localhost/evil.pt", model_dir=str(tmp_path))


def test_torch_export_runs_nothing_when_it_tries_again_unsafely(tmp_path, marker):
    from torch._export.serde.serialize import deserialize_torch_artifact

    content = zipped(tmp_path / "evil.pt", marker).read_bytes()
    with pytest.raises(LeydenError):
        deserialize_torch_artifact(content)


def test_entries_of_a_distributed_checkpoint_run_nothing(tmp_path, marker):
    from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
    from torch.distributed.checkpoint.metadata import MetadataIndex
    from torch.distributed.checkpoint.planner import LoadItemType, ReadItem

    item = ReadItem(
        LoadItemType.BYTE_IO, MetadataIndex("a"), torch.Size([0]), MetadataIndex("a"), torch.Size([0]), torch.Size([0])
    )
    planner = DefaultLoadPlanner()
    planner.state_dict = {}
    planner.flatten_state_dict = False
    with pytest.raises(LeydenError):
        planner.load_bytes(item, io.BytesIO(zipped(tmp_path / "evil.pt", marker).read_bytes()))


def test_torchs_loader_of_streams_is_closed(tmp_path, marker):
    from torch.distributed._serialization import _streaming_load, _streaming_save

    stream = io.BytesIO()
    _streaming_save(Payload(marker), stream)
    stream.seek(0)
    with pytest.raises(UsageError):
        _streaming_load(stream, weights_only=False)


def test_a_program_of_torchscript_is_not_run_as_a_checkpoint(tmp_path):
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        for name in ("data.pkl", "constants.pkl", "version", "code/__torch__.py"):
            archive.writestr(f"archive/{name}", b"3\n")
    with pytest.raises(LeydenError, match=r"TorchScript.*torch\.jit\.load"):
        torch.load(tmp_path / "script.pt", weights_only=False)


# In other processes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_workers_of_a_loader_run_nothing(tmp_path, marker, method):
    zipped(tmp_path / "evil.pt", marker)
    program = f"""
    import torch
    from torch.utils.data import DataLoader, Dataset

    class Files(Dataset):
        def __len__(self):
            return 1
        def __getitem__(self, index):
            try:
                return str(torch.load("evil.pt", weights_only=False))
            except Exception as error:
                return type(error).__name__

    if __name__ == "__main__":
        from leyden.compat.lightning import install; install()
        print(*DataLoader(Files(), batch_size=None, num_workers=1, multiprocessing_context="{method}"))
    """
    (tmp_path / "program.py").write_text(textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, "program.py"],
        capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.stdout == "ForeignObjectError\n", done.stderr
