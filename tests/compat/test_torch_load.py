"""torch.load, as programs read files with it: their own as they ask, all others as data."""

from __future__ import annotations

import copy
import io
import logging
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from types import SimpleNamespace

import fsspec
import numpy
import pytest
import torch
from safetensors.torch import save_file

from leyden.checkpoint.objects import Unrestored
from leyden.checkpoint.save import save
from leyden.compat import torch_save
from leyden.compat.torch_guard import guard, plain_save, unguard
from leyden.compat.torch_load import unsafe_torch_load
from leyden.core.warnings import LeydenWarning
from leyden.errors import FormatError, SealError, TrustError, UsageError

TREE = {"epoch": 3, "state_dict": {"weight": torch.arange(3.0)}, "names": ("a", "b")}


@dataclass
class Encoder:
    """An object of the program's own, as its files hold."""

    levels: int = 2


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)


@pytest.fixture(autouse=True)
def guarded(tmp_path, monkeypatch):
    monkeypatch.setenv("LEYDEN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(torch_save, "_WRITTEN", OrderedDict())
    guard(torch.serialization)
    yield
    unguard()


@pytest.fixture
def later(monkeypatch):
    """Called, it forgets what this process wrote, as another process does not know it."""
    return lambda: monkeypatch.setattr(torch_save, "_WRITTEN", OrderedDict())


@pytest.fixture
def native(tmp_path):
    save(TREE, tmp_path / "native.ckpt")
    return tmp_path / "native.ckpt"


@pytest.fixture
def foreign(tmp_path):
    """Writes a file as somebody else's program does."""

    def write(value, name="foreign.pt", **more):
        plain_save(value, tmp_path / name, **more)
        return tmp_path / name

    return write


# Files of Leyden's ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"weights_only": True}, {"weights_only": False}, {"map_location": "cpu"}])
def test_a_file_of_leydens_answers_with_its_dictionary(native, more):
    for source in (native, str(native), io.BytesIO(native.read_bytes())):
        tree = torch.load(source, **more)
        assert (tree["epoch"], tree["names"]) == (3, ("a", "b"))
        assert torch.equal(tree["state_dict"]["weight"], TREE["state_dict"]["weight"])


def test_the_file_may_be_overwritten_in_place_afterwards(native):
    tree = torch.load(native)
    with native.open("r+b") as file:
        file.truncate(0)
    assert torch.equal(tree["state_dict"]["weight"], TREE["state_dict"]["weight"])


def test_the_tensors_come_to_the_device_that_was_asked_for(native):
    assert torch.load(native, map_location="meta")["state_dict"]["weight"].device.type == "meta"


def test_a_damaged_file_of_leydens_is_not_given_to_torch(native):
    content = bytearray(native.read_bytes())
    native.write_bytes(content[: len(content) // 2])
    with pytest.raises(FormatError):
        torch.load(native, weights_only=False)


def test_safetensors_are_read_as_torch_reads_them(tmp_path):
    save_file({"weight": torch.arange(3.0)}, tmp_path / "model.safetensors")
    assert torch.equal(torch.load(tmp_path / "model.safetensors")["weight"], torch.arange(3.0))


# The program's own files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy", [False, True])
def test_what_the_program_saved_is_read_as_it_asks_in_a_later_process_too(tmp_path, later, legacy):
    path = tmp_path / "own.pt"
    model = Model()
    torch.save({"model": model, "encoder": Encoder(5)}, path, _use_new_zipfile_serialization=not legacy)
    for _ in range(2):
        read = torch.load(path, weights_only=False)
        assert read["encoder"] == Encoder(5)
        assert torch.equal(read["model"].layer.weight, model.layer.weight)
        later()


def test_without_weights_only_torchs_default_counts_and_its_own_error_says_so(tmp_path):
    torch.save(Encoder(), tmp_path / "own.pt")
    for more in ({}, {"weights_only": True}):
        with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
            torch.load(tmp_path / "own.pt", **more)
    with torch.serialization.safe_globals([Encoder]):
        assert torch.load(tmp_path / "own.pt") == Encoder()


def test_what_a_program_saves_in_a_file_that_it_opened_is_its_own_later(tmp_path, later):
    with (tmp_path / "own.pt").open("wb") as file:
        torch.save(Encoder(3), file)
    later()
    with (tmp_path / "own.pt").open("rb") as file:
        assert torch.load(file, weights_only=False) == Encoder(3)


def test_what_a_program_saves_through_fsspec_is_its_own_later(tmp_path, later):
    with fsspec.open(f"file://{tmp_path}/own.pt", "wb") as file:
        torch.save(Encoder(3), file)
    later()
    with fsspec.open(f"file://{tmp_path}/own.pt", "rb") as file:
        assert torch.load(file, weights_only=False) == Encoder(3)


def test_a_module_with_which_the_program_restricts_itself_is_heeded_for_its_own_files(tmp_path, foreign):
    class Restricted(pickle.Unpickler):
        def find_class(self, module, name):
            if name != "Encoder":
                raise pickle.UnpicklingError(f"{name} is not allowed here")
            return super().find_class(module, name)

    module = SimpleNamespace(Unpickler=Restricted, __name__="restricted")
    torch.save([Encoder(3)], tmp_path / "own.pt")
    assert torch.load(tmp_path / "own.pt", weights_only=False, pickle_module=module) == [Encoder(3)]
    torch.save([Model], tmp_path / "own.pt")
    with pytest.raises(pickle.UnpicklingError, match="Model is not allowed here"):
        torch.load(tmp_path / "own.pt", weights_only=False, pickle_module=module)
    with pytest.raises(TrustError):
        torch.load(foreign([Encoder(3)]), weights_only=False, pickle_module=module)


def test_a_copy_through_a_buffer_is_the_programs_own_in_this_process(later):
    buffer = io.BytesIO(b"before")
    buffer.seek(0, 2)
    torch.save(Encoder(4), buffer)
    for _ in range(2):
        buffer.seek(6)
        assert torch.load(buffer, weights_only=False) == Encoder(4)
    later()
    buffer.seek(6)
    with pytest.raises(TrustError, match="Encoder"):
        torch.load(buffer, weights_only=False)


def test_copies_of_models_work_without_a_flag():
    model = Model()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other.layer.weight, model.layer.weight)


def test_storages_that_were_pickled_elsewhere_are_read(later):
    pickled = pickle.dumps([torch.arange(3.0), torch.nn.Parameter(torch.ones(2)), torch.arange(3).untyped_storage()])
    later()
    tensor, parameter, storage = pickle.loads(pickled)
    assert torch.equal(tensor, torch.arange(3.0))
    assert torch.equal(parameter, torch.ones(2))
    assert storage.nbytes() == 24


def test_several_objects_in_a_stream_of_ones_own_are_read_one_after_another(tmp_path, later, foreign):
    old = {"_use_new_zipfile_serialization": False}
    with (tmp_path / "own.pt").open("wb") as file:
        for value in (Encoder(1), torch.arange(3), Encoder(3)):
            torch.save(value, file, **old)
        file.write(foreign(Encoder(4), **old).read_bytes())
    later()
    with (tmp_path / "own.pt").open("rb") as file:
        assert torch.load(file, weights_only=False) == Encoder(1)
        assert torch.equal(torch.load(file), torch.arange(3))
        assert torch.load(file, weights_only=False) == Encoder(3)
        with pytest.raises(TrustError, match="Encoder"):
            torch.load(file, weights_only=False)
    buffer = io.BytesIO()
    for number in (1, 2):
        torch.save(Encoder(number), buffer, **old)
    buffer.seek(0)
    assert [torch.load(buffer, weights_only=False) for _ in (1, 2)] == [Encoder(1), Encoder(2)]


def test_a_moved_and_a_copied_file_are_still_the_programs_own(tmp_path, later):
    torch.save(Encoder(6), tmp_path / "own.pt")
    (tmp_path / "own.pt").rename(tmp_path / "moved.pt")
    later()
    assert torch.load(tmp_path / "moved.pt", weights_only=False) == Encoder(6)
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "own.pt", weights_only=False)


def test_the_arguments_of_the_call_reach_torch_for_a_file_of_ones_own(tmp_path):
    class Renaming(pickle.Unpickler):
        def find_class(self, module, name):
            return super().find_class(module, "Encoder" if name == "Decoder" else name)

    class Decoder:
        pass

    Decoder.__qualname__, globals()["Decoder"] = "Decoder", Decoder
    torch.save({"tensor": torch.ones(2), "object": Decoder()}, tmp_path / "own.pt")
    module = SimpleNamespace(Unpickler=Renaming, load=pickle.load, __name__="renaming")
    read = torch.load(tmp_path / "own.pt", "meta", module, encoding="utf-8", mmap=True)
    assert type(read["object"]) is Encoder
    assert read["tensor"].device.type == "meta"


def test_the_environment_opens_nothing(tmp_path, monkeypatch):
    torch.save(Encoder(), tmp_path / "own.pt")
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.warns(LeydenWarning, match="not heeded"), pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "own.pt")
    assert torch.load(tmp_path / "own.pt", weights_only=False) == Encoder()


# Files of others ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("more", [{}, {"weights_only": True}, {"weights_only": False}, {"pickle_module": pickle}])
def test_data_of_others_is_read_whatever_the_arguments(foreign, legacy, more):
    path = foreign(TREE, _use_new_zipfile_serialization=not legacy)
    for source in (path, str(path), io.BytesIO(path.read_bytes())):
        tree = torch.load(source, **more)
        assert (tree["epoch"], tree["names"]) == (3, ("a", "b"))
        assert torch.equal(tree["state_dict"]["weight"], TREE["state_dict"]["weight"])


def test_what_programs_keep_beside_their_weights_is_data(foreign):
    model = Model()
    optimizer = torch.optim.Adam(model.parameters())
    model.layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    value = {
        "model_state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "var_names": numpy.array(["gene a", "gene b"]),
        "attr_dict": {"registry_": {"setup": {"layer": None}, "n_cells": numpy.int64(5)}},
        "rng": torch.get_rng_state(),
        "dtype": torch.float16,
    }
    read = torch.load(foreign(value), map_location="cpu", weights_only=False)
    assert read["var_names"].tolist() == ["gene a", "gene b"]
    assert read["attr_dict"] == value["attr_dict"]
    assert read["dtype"] is torch.float16
    assert torch.equal(read["rng"], value["rng"])
    model.load_state_dict(read["model_state_dict"])
    optimizer.load_state_dict(read["optimizer"])


def test_an_object_of_others_is_an_error_with_the_way_out_and_a_retry_is_one_too(foreign):
    path = foreign({"epoch": 1, "encoder": Encoder()})
    with pytest.raises(TrustError) as first:
        torch.load(path, weights_only=True)
    assert isinstance(first.value, pickle.UnpicklingError)
    with pytest.raises(TrustError, match=r"Encoder.*leyden convert.*weights_only=False opens nothing here\."):
        torch.load(path, weights_only=False)


def test_hyperparameters_of_others_that_are_objects_do_not_hide_the_rest(foreign):
    path = foreign({**TREE, "hyper_parameters": {"width": 4, "encoder": Encoder()}})
    with pytest.warns(LeydenWarning, match="In the place of .*Encoder, among the hyper_parameters of .*foreign.pt"):
        read = torch.load(path, weights_only=False)
    assert read["epoch"] == 3
    assert read["hyper_parameters"]["width"] == 4
    assert isinstance(read["hyper_parameters"]["encoder"], Unrestored)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello world", pickle.dumps({"a": 1}), b"PK\3\4 and then nothing"],
    ids=["nothing", "text", "a pickle", "half an archive"],
)
def test_what_is_no_checkpoint_is_an_error_that_programs_catch(tmp_path, content):
    (tmp_path / "x.pt").write_bytes(content)
    for source in (tmp_path / "x.pt", io.BytesIO(content)):
        with pytest.raises(FormatError) as caught:
            torch.load(source, weights_only=False)
        assert isinstance(caught.value, RuntimeError)
        assert isinstance(caught.value, pickle.UnpicklingError)


def test_what_cannot_be_opened_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "missing.pt")
    with pytest.raises(FormatError, match="is not a file"):
        torch.load(tmp_path)
    with pytest.raises(AttributeError):
        torch.load(3)
    with pytest.raises(FormatError, match="binary mode"):
        torch.load(io.StringIO("text"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="it can be used here")
def test_a_device_that_is_not_there_is_an_error_that_programs_catch(foreign):
    path = foreign(TREE)
    for place in ("cuda", torch.device("cuda:1"), {"cpu": "cuda"}):
        with pytest.raises(RuntimeError, match="cannot be used here.*map_location='cpu'"):
            torch.load(path, map_location=place)


def test_tensors_of_others_are_mapped_where_the_program_asks_for_it(foreign):
    path = foreign({"weight": torch.arange(1000.0)})
    mapped, copied = torch.load(path, mmap=True)["weight"], torch.load(path)["weight"]
    assert torch.equal(mapped, copied)
    mapped[0] = 5
    assert torch.load(path)["weight"][0] == 0


def test_the_strict_policy_refuses_pickles_of_others_and_reads_ones_own(tmp_path, foreign, monkeypatch):
    torch.save(Encoder(), tmp_path / "own.pt")
    path = foreign(TREE)
    monkeypatch.setenv("LEYDEN_POLICY", "strict")
    with pytest.raises(SealError, match="pickled"):
        torch.load(path)
    assert torch.load(tmp_path / "own.pt", weights_only=False) == Encoder()


# What is unsafe, told and done ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy", [False, True])
def test_unsafe_names_are_told_without_importing_any(foreign, legacy):
    path = foreign({"encoder": Encoder(), "at": torch.ones(1)}, _use_new_zipfile_serialization=not legacy)
    name = f"{Encoder.__module__}.Encoder"
    for source in (path, io.BytesIO(path.read_bytes())):
        assert torch.serialization.get_unsafe_globals_in_checkpoint(source) == [name]
    assert torch.serialization.get_unsafe_globals_in_checkpoint(foreign(TREE)) == []


def test_what_the_program_calls_safe_is_so_in_its_own_files_and_in_no_others(tmp_path, foreign):
    torch.save(Encoder(), tmp_path / "own.pt")
    names = [f"{Encoder.__module__}.Encoder"]
    assert torch.serialization.get_unsafe_globals_in_checkpoint(tmp_path / "own.pt") == names
    path = foreign(Encoder())
    with torch.serialization.safe_globals([Encoder]):
        assert torch.serialization.get_unsafe_globals_in_checkpoint(tmp_path / "own.pt") == []
        assert torch.serialization.get_unsafe_globals_in_checkpoint(path) == names
        with pytest.raises(TrustError, match="Encoder"):
            torch.load(path)


def test_a_file_of_leydens_has_no_unsafe_names(native):
    assert torch.serialization.get_unsafe_globals_in_checkpoint(native) == []


def test_the_one_door_is_opened_in_code_and_the_log_says_so(foreign, caplog):
    path = foreign({"encoder": Encoder(7)})
    with caplog.at_level(logging.WARNING, "leyden"):
        assert unsafe_torch_load(path, weights_only=False)["encoder"] == Encoder(7)
    assert [record.getMessage() for record in caplog.records] == [
        f"unsafe_torch_load was called: torch unpickles {path}, which can run code that is in it"
    ]
    with pytest.raises(TrustError):
        torch.load(path, weights_only=False)


def test_torchs_private_functions_are_closed(foreign):
    path = foreign(TREE)
    for private in (torch.serialization._load, torch.serialization._legacy_load):
        with path.open("rb") as file, pytest.raises(UsageError, match="is closed while Leyden serves"):
            private(file, None, pickle)
    with pytest.raises(UsageError, match="was taken before"):
        torch.load.__wrapped__(path, weights_only=False)
