"""What a file may mean by a name, tried from outside: looking for it runs nothing of what lies in the modules."""

from __future__ import annotations

import enum
import functools
import importlib
import importlib.util
import os
import pickle
import re
import subprocess
import sys
import types
from importlib import import_module

import pytest
import torch
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.checkpoint.test_objects import forged

from leyden.checkpoint import references
from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.errors import EncodeError, FormatError

HERE = __name__
RAN = []


class Telling(type):
    """A metaclass that would tell if a class of it were asked for anything."""

    def __getattribute__(cls, name):
        RAN.append(name)
        return super().__getattribute__(name)

    def __eq__(cls, other):
        RAN.append("eq")
        return cls is other

    def __hash__(cls):
        RAN.append("hash")
        return 1


class Told(metaclass=Telling):
    pass


class Unhashable(type):
    def __eq__(cls, other):
        return cls is other


class Plain(metaclass=Unhashable):
    pass


class TellingEnum(enum.EnumMeta):
    def __getattribute__(cls, name):
        RAN.append(name)
        return super().__getattribute__(name)


class Colour(enum.Enum, metaclass=TellingEnum):
    RED = 1

    @classmethod
    def _missing_(cls, value):
        RAN.append("missing")


class Proxy:
    """An object that says of itself that it is a class, and runs whenever it is asked."""

    def __getattribute__(self, name):
        RAN.append(name)
        return type if name == "__class__" else object.__getattribute__(self, name)


class TellingModule(types.ModuleType):
    def __getattribute__(self, name):
        RAN.append(name)
        return super().__getattribute__(name)


proxy = Proxy()


def nodes(name):
    return ({"$reference": name}, {"$object": [name, None, {}]}, {"$member": [name, "RED"]})


@pytest.mark.parametrize(("kind", "node"), [(Told, "Told"), (Plain, "Plain")])
def test_a_class_is_found_and_made_without_its_metaclass(tmp_path, kind, node):
    for made in nodes(f"{HERE}:{node}")[:2]:
        path = forged(tmp_path, made)
        RAN.clear()
        found = load(path)["v"]
        assert RAN == []
        assert found is kind or type(found) is kind


def test_a_member_of_an_enum_is_found_without_its_metaclass_or_a_look_for_what_is_missing(tmp_path):
    path, missing = (forged(tmp_path, {"$member": [f"{HERE}:Colour", name]}) for name in ("RED", "BLUE"))
    RAN.clear()
    found = load(path)["v"]
    with pytest.raises(FormatError, match="not a member of an enum"):
        load(missing)
    assert RAN == []
    assert found is Colour.RED


@pytest.mark.parametrize("name", [f"{HERE}:proxy", f"{HERE}:proxy.x", "telling_module:x", "proxy_module:x"])
def test_an_object_or_a_module_that_runs_when_it_is_asked_is_not_asked(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "telling_module", TellingModule("telling_module"))
    monkeypatch.setitem(sys.modules, "proxy_module", proxy)
    for node in nodes(name):
        path = forged(tmp_path, node)
        RAN.clear()
        with pytest.raises(FormatError, match="has not imported, or does not have"):
            load(path)
        assert RAN == []


def test_a_module_that_is_loaded_at_its_first_use_is_not_loaded_for_a_file(tmp_path, monkeypatch):
    (tmp_path / "lazily.py").write_text("raise AssertionError('loaded')\nclass Thing: pass")
    spec = importlib.util.spec_from_file_location("lazily", tmp_path / "lazily.py")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "lazily", module)
    spec.loader.exec_module(module)  # what LazyLoader calls so: it waits for the first attribute
    for node in nodes("lazily:Thing"):
        with pytest.raises(FormatError, match="has not imported"):
            load(forged(tmp_path, node))


MORE = [
    "pkgutil:resolve_name", "zipimport:zipimporter", "_frozen_importlib:_gcd_import", "ctypes:cdll", "webbrowser:open",
    "shutil:rmtree", "test.support:run_code", "distutils.spawn:spawn", "builtins:memoryview",
    "torch:__getattr__", "torch:compile", "torch:_import_device_backends", "torch.storage:_load_from_bytes",
    "torch._weights_only_unpickler:load", "torch._export:aot_load", "torch.cuda._utils:_cuda_load_module",
    "torch.cuda.memory:CUDAPluggableAllocator", "torch.mps:compile_shader", "torch.utils.data.graph:_stub_unpickler",
    "torch.nn.attention._fa3:_fa3_import_module", "torch.os:system", "torch:os.system", "numpy:__getattr__",
    "numpy._core._multiarray_umath:_load_from_filelike", "numpy.ma.core:fromfile", "pandas:read_pickle", "pandas:eval",
    "pandas:read_csv", "pandas.compat.pickle_compat:loads", "pandas.compat._optional:import_optional_dependency",
    "leyden:__getattr__", "leyden.api.module:__getattr__", "leyden.wire.envelope:write", "jinja2.utils:import_string",
    "_cffi_backend:load_library", "safetensors.torch:save_file", "hydra.utils:get_method",
    "hypothesis.internal.reflection:source_exec_as_module", "tensorboard.lazy:lazy_load",
]  # fmt: skip


@pytest.mark.parametrize("name", MORE)
def test_more_that_is_never_restored_whoever_sealed_it(tmp_path, name):
    importlib.import_module("pandas")
    for node in (nodes(name)[0], {"$partial": [{"$reference": name}, [], {}]}):
        with pytest.raises(FormatError, match="never restored from a file|has not imported, or does not have"):
            load(forged(tmp_path, node))


def evaluates(text):
    return eval(text)


def evaluates_within(text):
    return [(lambda part: exec(part))(part) for part in text]


def imports(name):
    return import_module(name)


def imports_itself(name):
    import importlib

    return importlib.import_module(name)


def asks_the_system(command):
    return os.system(command)


def starts(command):
    return subprocess.run(command, check=True)


def unpickles(data):
    return pickle.loads(data)


def wrapping(function):
    @functools.wraps(function)
    def wrapped(*args):
        return function(*args)

    return wrapped


@wrapping
def wrapped(text):
    return compile(text, "", "eval")


RUNNING = {
    evaluates: "eval", evaluates_within: "exec", imports: "importlib.import_module", imports_itself: "importlib",
    asks_the_system: r"(posix|nt|os)\.system", starts: "subprocess", unpickles: "pickle", wrapped: "compile",
}  # fmt: skip


@pytest.mark.parametrize("function", RUNNING, ids=lambda function: function.__name__)
def test_a_function_that_runs_what_it_is_told_is_kept_only_where_the_program_registered_it(tmp_path, function):
    reason = rf"whose code uses {RUNNING[function]}\b.*register_object"
    node = {"$reference": f"{HERE}:{function.__qualname__}"}
    with pytest.raises(EncodeError, match=reason):
        save({"v": function}, tmp_path / "a.ckpt")
    with pytest.raises(FormatError, match=reason):
        load(forged(tmp_path, node))
    references.register_object(function)
    try:
        save({"v": function}, tmp_path / "a.ckpt")
        assert load(tmp_path / "a.ckpt")["v"] is function
    finally:
        references._REGISTERED.clear()


def joins(parts):
    return os.fspath(parts[1]), re.compile(parts[0]), parts.loads


@wrapping
def harmless(value):
    return [item for item in value if item]


@pytest.mark.parametrize("function", [joins, harmless, torch.nn.functional.mse_loss, torch.nn.init.xavier_uniform_])
def test_an_ordinary_function_is_kept(tmp_path, function):
    save({"v": function}, tmp_path / "a.ckpt")
    assert load(tmp_path / "a.ckpt")["v"] is function


def test_a_function_in_c_of_another_package_is_kept_only_where_it_was_registered(tmp_path, monkeypatch):
    function = load_pem_private_key
    assert type(function) is types.BuiltinFunctionType
    module = types.ModuleType(function.__module__)
    setattr(module, function.__name__, function)
    monkeypatch.setitem(sys.modules, function.__module__, module)
    path = forged(tmp_path, {"$reference": f"{function.__module__}:{function.__name__}"})
    with pytest.raises(FormatError, match="not written in Python, so it is kept only where the program names it"):
        load(path)
    references.register_object(function)
    try:
        assert load(path)["v"] is function
    finally:
        references._REGISTERED.clear()
