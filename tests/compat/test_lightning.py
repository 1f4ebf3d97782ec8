"""The alias: Lightning's names, served by Leyden. In new interpreters, since it is about what is imported."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from abc import ABC
from importlib import import_module
from pathlib import Path

import pytest

import leyden.callbacks
import leyden.loggers
from leyden.api.module import Module
from leyden.compat import table, table_fabric, table_parts, table_private, table_pytorch
from leyden.compat.lightning import AliasModule, install, uninstall
from leyden.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "programs"


def aliased(code: str, *paths: Path, cwd: Path | None = None) -> str:
    """What a new interpreter prints that serves the alias, with warnings as errors."""
    return new_python(
        "from leyden.compat.lightning import install; install()\n" + textwrap.dedent(code), *paths, cwd=cwd
    )


def new_python(code: str, *paths: Path, cwd: Path | None = None) -> str:
    path = os.pathsep.join(map(str, (ROOT / "src", *paths)))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, cwd=cwd, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_roots_give_the_same_objects():
    out = aliased("""
    import lightning, lightning.pytorch, pytorch_lightning, lightning_fabric, leyden
    import pytorch_lightning.callbacks.early_stopping as early
    from lightning.pytorch.callbacks import EarlyStopping
    print(lightning.Trainer is lightning.pytorch.Trainer is pytorch_lightning.trainer.Trainer is leyden.Trainer)
    print(pytorch_lightning.callbacks is lightning.pytorch.callbacks, lightning_fabric is lightning.fabric)
    print(pytorch_lightning.LightningModule is lightning.pytorch.LightningModule)
    print(early.EarlyStopping is EarlyStopping, early is lightning.pytorch.callbacks.early_stopping)
    print(lightning.LightningModule is leyden.Module, pytorch_lightning.LightningDataModule is leyden.DataModule)
    """)
    assert set(out.split()) == {"True"}


def test_a_name_is_looked_up_when_it_is_used_and_then_kept():
    out = aliased("""
    import sys
    import lightning as L, pytorch_lightning.callbacks, lightning.pytorch.utilities.rank_zero
    print([name for name in sys.modules if name.partition(".")[0] in ("torch", "numpy", "yaml")])
    print("leyden.trainer" in sys.modules, "Trainer" in vars(L))
    L.Trainer
    print("leyden.trainer" in sys.modules, "Trainer" in vars(L))
    """)
    assert out.splitlines() == ["[]", "False False", "True True"]


def test_installing_imports_next_to_nothing():
    out = new_python(
        "import sys; before = set(sys.modules); import leyden.compat.lightning as alias; alias.install(); "
        "print(*set(sys.modules) - before)"
    )
    assert {name.partition(".")[0] for name in out.split()} - {"leyden"} <= sys.stdlib_module_names
    assert len(out.split()) <= 60


def test_submodules_are_there_without_importing_them_by_name():
    out = aliased("""
    import lightning as L
    print(L.pytorch.callbacks.progress.tqdm_progress.TQDMProgressBar.__name__, "progress" in dir(L.pytorch.callbacks))
    """)
    assert out.split() == ["TQDMProgressBar", "True"]


def test_a_star_import_gives_the_public_names():
    out = aliased("""
    from lightning.pytorch.callbacks import *
    print(EarlyStopping.__name__, ModelCheckpoint.__name__)
    """)
    assert out.split() == ["EarlyStopping", "ModelCheckpoint"]


@pytest.mark.parametrize(
    ("statement", "kind", "words"),
    [
        ("from lightning.pytorch import Nothing", "ModuleNotFoundError", ["lightning.pytorch.Nothing"]),
        ("from pytorch_lightning.trainer.states import Nothing", "ModuleNotFoundError", ["trainer.states.Nothing"]),
        ("import lightning.app", "ModuleNotFoundError", ["does not have lightning.app."]),
        ("import lightning; lightning.nothing", "AttributeError", ["lightning.nothing"]),
        ("from lightning import Trainr", "ModuleNotFoundError", ["lightning.Trainr", "Did you mean Trainer?"]),
        ("import lightning.pytorch.utilities.sed", "ModuleNotFoundError", ["Did you mean seed?"]),
    ],
)
def test_a_missing_name_is_an_error_that_names_it(statement, kind, words):
    out = aliased(f"""
    try:
        {statement}
    except Exception as error:
        print(type(error).__name__, error)
    """)
    assert out.startswith(kind)
    assert "Leyden does not have" in out
    for word in words:
        assert word in out


@pytest.fixture
def callbacks_module(monkeypatch):
    names = ("NewCallback", "NewException", "new_function")
    monkeypatch.setitem(table.LATER, "lightning.pytorch.callbacks", names)
    return AliasModule("lightning.pytorch.callbacks")


def test_a_function_that_leyden_does_not_have_yet_is_told_apart(callbacks_module):
    for name in ("new_function", "NewException"):
        with pytest.raises(AttributeError, match=rf"callbacks\.{name} yet, which Lightning 2\.6\.6 has.* run this"):
            getattr(callbacks_module, name)


def test_a_class_that_leyden_does_not_have_yet_can_be_named_and_not_used(callbacks_module):
    kind = callbacks_module.NewCallback
    assert callbacks_module.NewCallback is kind
    assert not isinstance(Module(), kind)
    assert not issubclass(Module, kind | int)

    class Mine(kind, ABC):
        """A program's own."""

    for use in (kind, Mine, lambda: kind.method()):
        with pytest.raises((UsageError, AttributeError), match=r"callbacks\.NewCallback yet, which Lightning"):
            use()
    assert not hasattr(kind, "__wrapped__")


def test_the_versions_are_those_of_lightning():
    out = aliased("""
    from importlib.metadata import distribution, version
    import lightning, pytorch_lightning, lightning.fabric
    print(lightning.__version__, pytorch_lightning.__version__, lightning.fabric.__version__)
    print(version("lightning"), version("pytorch-lightning"), version("pytorch_lightning"), version("Lightning.Fabric"))
    print(distribution("lightning").metadata["Name"], list(distribution("lightning").entry_points))
    """)
    assert out.splitlines() == [" ".join(["2.6.6"] * 3), " ".join(["2.6.6"] * 4), "lightning []"]


def test_other_distributions_are_found_as_ever():
    out = aliased("""
    from importlib.metadata import PackageNotFoundError, distributions, version
    print(version("torch").partition("+")[0].count("."))
    found = {one.metadata["Name"]: one.version for one in distributions()}
    print(found["lightning"], found["pytorch-lightning"], "torch" in found)
    try:
        version("no-such-distribution")
    except PackageNotFoundError:
        print("not found")
    """)
    assert out.splitlines() == ["2", "2.6.6 2.6.6 True", "not found"]


@pytest.fixture
def another_lightning(tmp_path):
    """A package of that name, which says so when it is imported."""
    (tmp_path / "lightning" / "pytorch").mkdir(parents=True)
    (tmp_path / "lightning" / "__init__.py").write_text("print('the other lightning')")
    (tmp_path / "lightning" / "app.py").write_text("print('the other app')")
    (tmp_path / "lightning" / "pytorch" / "__init__.py").write_text("")
    return tmp_path


def test_an_installed_lightning_is_never_run(another_lightning):
    out = aliased(
        """
        import lightning, lightning.pytorch
        print(lightning.Callback.__module__)
        try:
            import lightning.app
        except ImportError:
            print("missing")
        """,
        another_lightning,
    )
    assert out.split() == ["leyden.api.callback", "missing"]


def test_a_lightning_that_runs_already_is_not_mixed_with_leyden(another_lightning):
    out = new_python(
        "import lightning\nfrom leyden.compat.lightning import install\nfrom leyden.errors import UsageError\n"
        "try:\n    install()\nexcept UsageError as error:\n    print(error)",
        another_lightning,
    )
    assert "lightning is imported already" in out
    assert "leyden run" in out


def test_it_is_installed_once_and_can_be_taken_away():
    before = list(sys.meta_path)
    install()
    install()
    try:
        assert len(sys.meta_path) == len(before) + 1
        assert isinstance(import_module("lightning"), AliasModule)
        assert import_module("pytorch_lightning").LightningModule.__name__ == "LightningModule"
    finally:
        uninstall()
    assert Module.__name__ == "Module"
    assert sys.meta_path == before
    assert not any(isinstance(module, AliasModule) for module in sys.modules.values())
    uninstall()


@pytest.mark.parametrize("module", table.SERVED)
def test_every_target_is_there(module):
    for name, target in table.SERVED[module].items():
        where, _, attribute = target.partition(":")
        assert getattr(import_module(where), attribute, None) is not None, f"{module}.{name}"


def test_a_private_name_that_comes_later_can_be_imported_and_not_used():
    out = aliased("""
    from lightning.fabric.utilities.load import _lazy_load, _NotYetLoadedTensor
    from lightning.pytorch.trainer.connectors.logger_connector.result import _ResultMetric
    from lightning.fabric.utilities.testing import _runif_reasons
    print(isinstance(1, (_NotYetLoadedTensor, _ResultMetric)))
    try:
        _lazy_load("a.ckpt")
    except Exception as error:
        print(error)
    """)
    assert out.startswith("False\nLeyden does not have lightning.fabric.utilities.load._lazy_load yet")


def test_the_table_is_consistent():
    parts = (table_pytorch, table_parts, table_fabric, table_private)
    assert sum(len(part.SERVED) for part in parts[:-1]) == len({name for part in parts[:-1] for name in part.SERVED})
    for whole, kinds in ((table.SERVED, [p.SERVED for p in parts]), (table.LATER, [p.LATER for p in parts])):
        assert sum(map(len, whole.values())) == sum(len(names) for kind in kinds for names in kind.values())
    parents = {module.rpartition(".")[0] for module in table.MODULES} - {""}
    assert "pytorch_lightning" not in table.MODULES
    assert parents <= table.MODULES
    both = {module: set(names) & table.SERVED.get(module, {}).keys() for module, names in table.LATER.items()}
    assert {module: names for module, names in both.items() if names} == {}
    assert all(
        list(names) == sorted(names) for part in parts for names in (*part.SERVED.values(), *part.LATER.values())
    )


def test_what_leyden_has_is_not_among_what_comes_later():
    names = {name for ours in (leyden.callbacks, leyden.loggers) for name in ours.__all__}
    late = {name for module, later in table.LATER.items() for name in later if ".fabric" not in module}
    assert names & late == set()


def test_the_bases_have_the_names_that_libraries_look_for():
    out = aliased("""
    import pickle
    import lightning as L
    from lightning.pytorch.core.mixins import HyperparametersMixin
    from lightning.pytorch.demos.boring_classes import BoringModel
    print({"LightningModule", "HyperparametersMixin"} <= {base.__name__ for base in BoringModel.__mro__})
    print(L.LightningDataModule.__name__, pickle.loads(pickle.dumps(L.LightningModule)) is L.LightningModule)
    """)
    assert out.splitlines() == ["True", "LightningDataModule True"]


def test_a_program_written_for_lightning_runs_unchanged(tmp_path):
    out = aliased((PROGRAMS / "digits.py").read_text(encoding="utf-8"), cwd=tmp_path)
    assert out.splitlines()[-1] == "epochs 2 steps 16 restored True"


def test_lightnings_variable_silences_probable_mistakes():
    out = aliased("""
    import importlib, os, warnings
    import lightning.pytorch
    from lightning.pytorch.utilities.warnings import PossibleUserWarning
    os.environ["POSSIBLE_USER_WARNINGS"] = "off"
    importlib.reload(lightning.pytorch)
    warnings.warn("probably", PossibleUserWarning)
    print("silent")
    """)
    assert out == "silent\n"
