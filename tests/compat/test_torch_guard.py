"""Where torch's functions are replaced, when, and how all of it is undone."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import textwrap
from multiprocessing import spawn
from pathlib import Path

import pytest
import torch

from leyden.compat.after_import import change, change_back, find_spec
from leyden.compat.spawned import Alias
from leyden.compat.torch_guard import guard, unguard
from leyden.core.warnings import LeydenWarning

ROOT = Path(__file__).resolve().parents[2]
PLACES = [
    (torch, "load"),
    (torch, "save"),
    (torch.serialization, "load"),
    (torch.serialization, "save"),
    (torch.serialization, "get_unsafe_globals_in_checkpoint"),
    (torch.serialization, "_load"),
    (torch.serialization, "_legacy_load"),
]


@pytest.fixture(autouse=True)
def _unguarded_again():
    yield
    unguard()


def functions() -> list[object]:
    return [getattr(module, name) for module, name in PLACES]


def run(code: str, cwd: Path) -> list[str]:
    """What a new interpreter prints, line by line."""
    (cwd / "program.py").write_text(textwrap.dedent(code))
    done = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        capture_output=True, text=True, cwd=cwd, env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_place_is_replaced_once_and_put_back():
    before = functions()
    guard(torch.serialization)
    replaced = functions()
    assert not {*map(id, before)} & {*map(id, replaced)}
    assert torch.load is torch.serialization.load
    assert torch.save is torch.serialization.save
    guard(torch.serialization)
    assert functions() == replaced
    unguard()
    assert functions() == before
    unguard()
    assert functions() == before


def test_programs_that_look_at_the_signature_see_torchs():
    from inspect import signature

    before = signature(torch.load), signature(torch.save)
    guard(torch.serialization)
    assert (signature(torch.load), signature(torch.save)) == before
    assert torch.load.__name__ == "load"


def test_what_somebody_has_put_in_its_place_stays(monkeypatch):
    monkeypatch.setattr(torch, "load", torch.load)  # to be put back in the end
    guard(torch.serialization)
    torch.load = len
    unguard()
    assert torch.load is len
    assert torch.serialization.load.__module__ == "torch.serialization"


def test_what_somebody_had_put_there_before_is_replaced_with_a_warning_and_comes_back(monkeypatch):
    monkeypatch.setattr(torch, "load", len)
    with pytest.warns(LeydenWarning, match="torch.load was replaced by one of builtins before"):
        guard(torch.serialization)
    assert torch.load is torch.serialization.load
    unguard()
    assert torch.load is len


def test_a_module_that_is_read_again_is_guarded_again(tmp_path):
    lines = run(
        """
        from importlib import reload
        from leyden.compat.lightning import install; install()
        import torch
        first = torch.serialization.load
        reload(torch.serialization)
        print(torch.serialization.load is first, "leyden" in torch.serialization.load.__code__.co_filename)
        """,
        tmp_path,
    )
    assert lines == ["False True"]


def test_it_is_in_place_as_soon_as_torch_is_imported_after_install(tmp_path):
    lines = run(
        """
        from leyden.compat.lightning import install, uninstall; install()
        import sys
        print("torch" in sys.modules, "leyden.compat.torch_load" in sys.modules)
        from importlib.util import find_spec
        print("def prepare(" in find_spec("multiprocessing.spawn").loader.get_source("multiprocessing.spawn"))
        from torch import load
        from torch.serialization import load as other
        import torch, torch.distributed._serialization as streaming
        print(load is other is torch.load, "leyden" in load.__code__.co_filename)
        print(streaming._load is torch.serialization._load)
        loader = torch.serialization.__loader__
        print(type(loader).__module__, torch.serialization.__spec__.loader is loader)
        uninstall()
        print("leyden" in torch.load.__code__.co_filename, streaming._load is torch.serialization._load)
        install()
        print("leyden" in torch.load.__code__.co_filename, streaming._load is torch.serialization._load)
        """,
        tmp_path,
    )
    assert lines == [
        "False False",
        "True",
        "True True",
        "True",
        "_frozen_importlib_external True",
        "False True",
        "True True",
    ]


def test_a_torch_that_is_imported_already_is_guarded_by_install(tmp_path):
    lines = run(
        """
        import torch
        before = torch.load
        from leyden.compat.lightning import install; install()
        print(torch.load is before, torch.load is torch.serialization.load)
        """,
        tmp_path,
    )
    assert lines == ["False True"]


def test_a_finder_that_goes_before_ours_is_made_up_for_when_a_name_of_lightnings_is_used(tmp_path):
    lines = run(
        """
        import sys
        from importlib.machinery import PathFinder
        from leyden.compat.lightning import install; install()
        class First:
            def find_spec(name, path, target=None):
                return PathFinder.find_spec(name, path) if name == "torch.serialization" else None

        sys.meta_path.insert(0, First)
        import torch
        print(torch.load.__code__.co_filename.endswith("serialization.py"))
        from pytorch_lightning import seed_everything
        print("leyden" in torch.load.__code__.co_filename)
        """,
        tmp_path,
    )
    assert lines == ["True", "True"]


def test_without_install_torch_is_left_alone(tmp_path):
    lines = run("import leyden, torch; print(torch.load.__module__, torch.load.__code__.co_filename)", tmp_path)
    assert lines == [f"torch.serialization {torch.serialization.__file__}"]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_the_program_starts_anew_are_guarded_too(tmp_path, method):
    lines = run(
        f"""
        import multiprocessing as mp

        def work(queue):
            import torch, lightning.pytorch
            queue.put((torch.load.__code__.co_filename, type(lightning.pytorch).__module__))

        if __name__ == "__main__":
            from leyden.compat.lightning import install; install()
            context = mp.get_context("{method}")
            queue = context.Queue()
            process = context.Process(target=work, args=(queue,))
            process.start()
            print(*queue.get(), sep="\\n")
            process.join()
        """,
        tmp_path,
    )
    assert lines == [str(ROOT / "src" / "leyden" / "compat" / "torch_guard.py"), "leyden.compat.lightning"]


def test_nothing_is_passed_on_any_more_once_all_is_changed_back():
    before = spawn.get_preparation_data
    change()
    change()
    try:
        assert isinstance(spawn.get_preparation_data("a")["leyden"], Alias)
        assert spawn.get_preparation_data("a")["name"] == "a"
        assert "leyden" in torch.load.__code__.co_filename
    finally:
        change_back()
    assert spawn.get_preparation_data is before
    assert "leyden" not in torch.load.__code__.co_filename


def test_what_others_have_put_around_it_stays(monkeypatch):
    monkeypatch.setattr(spawn, "get_preparation_data", spawn.get_preparation_data)  # to be put back in the end
    change()
    spawn.get_preparation_data = dict
    change_back()
    assert spawn.get_preparation_data is dict


def test_only_the_modules_that_are_changed_are_found_here():
    assert find_spec("torch.nn", torch.__path__) is None
    assert find_spec("multiprocessing.spawn", []) is None
    found = find_spec("multiprocessing.spawn", multiprocessing.__path__)
    assert found is not None
    assert found.loader.get_filename("multiprocessing.spawn") == spawn.__file__
