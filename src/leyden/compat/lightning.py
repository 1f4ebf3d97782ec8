"""Lightning's names, served by Leyden.

After ``install()`` a program that imports ``lightning``, ``pytorch_lightning`` or ``lightning_fabric`` gets Leyden: the
modules are empty shells, and a name in them is looked up in ``table`` when it is first used. A Lightning that happens
to be installed cannot be reached. From then on, too, what a program reads with torch's functions runs no code: see
``torch_load``.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, final

from leyden._version import LIGHTNING_VERSION
from leyden.compat import after_import
from leyden.compat.absent import AbsentType, absent
from leyden.compat.table import CLASS_NAMES, LATER, MODULES, SERVED
from leyden.core.warnings import LeydenWarning
from leyden.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import Distribution, DistributionFinder

# The two packages that Lightning is also published as, and the part of ``lightning`` that each of them is.
PARTS: Final = {"pytorch_lightning": "lightning.pytorch", "lightning_fabric": "lightning.fabric"}
ROOTS: Final = frozenset(("lightning", *PARTS))
SILENCE: Final = "POSSIBLE_USER_WARNINGS"  # Lightning's variable: 0 or off silences what is only probably wrong


def install() -> None:
    """Serve Lightning's names from now on. A second call does nothing.

    Raises:
        UsageError: Lightning itself is imported already, so that two frameworks would be mixed.
    """
    if _FINDER in sys.meta_path:
        return
    for name, module in sys.modules.items():
        if name.partition(".")[0] in ROOTS and not isinstance(module, AliasModule):
            raise UsageError(
                f"{name} is imported already, from {getattr(module, '__file__', 'somewhere else')}. Call "
                "leyden.compat.lightning.install() before anything imports it, or start the program with `leyden run`."
            )
    sys.meta_path.insert(0, _FINDER)
    after_import.change()


def uninstall() -> None:
    """Undo ``install()``; what a program already holds stays what it is."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
    for name in [name for name, module in sys.modules.items() if isinstance(module, AliasModule)]:
        del sys.modules[name]
    _FINDER.modules.clear()
    _FINDER.absent.clear()
    _name_bases(aliased=False)
    after_import.change_back()


@final
class AliasModule(ModuleType):
    """One of Lightning's modules: it looks a name up in the table when it is first used, and then keeps it."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"{name}, served by Leyden.")
        self._names = SERVED.get(_under_lightning(name), {}) | SERVED.get(name, {})
        # Every one is a package, so that the finder is asked about, and can explain, any name that is missing.
        self.__path__: list[str] = []
        self.__all__ = [served for served in self._names if not served.startswith("_")]

    def __getattr__(self, name: str) -> Any:
        spelled = f"{_under_lightning(self.__name__)}.{name}"
        module = spelled.rpartition(".")[0]
        target = self._names.get(name)
        if target is not None:
            where, _, attribute = target.partition(":")
            value = getattr(import_module(where), attribute)
            _name_bases(aliased=True)
            after_import.change()  # what another finder has imported past ours
            setattr(self, name, value)
            return value
        if name in LATER.get(module, ()) and (_is_class_name(name) or name.startswith("_")):
            part = ".".join(module.split(".")[:2])
            value = _FINDER.absent.setdefault((part, name), absent(module, name, _missing(spelled)))
            setattr(self, name, value)
            return value
        if spelled in MODULES:
            return import_module(spelled)
        # Tools ask every module for such names, and nobody reads the answer.
        raise AttributeError(name if name.startswith("__") else _missing(spelled), name=name, obj=self)

    def __dir__(self) -> list[str]:
        inside = f"{_under_lightning(self.__name__)}."
        below = (module.removeprefix(inside).partition(".")[0] for module in MODULES if module.startswith(inside))
        return sorted({*super().__dir__(), *self.__all__, *below})


@final
class AliasFinder:
    """Finds Lightning's modules among those of the table, and the distributions that they would come from.

    Of others it only sees those that ``after_import`` changes.
    """

    def __init__(self) -> None:
        self.modules: dict[str, AliasModule] = {}  # one for both spellings, but for a root that has names of its own
        self.absent: dict[tuple[str, str], AbsentType] = {}  # by part of Lightning and name: one for all its modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in ROOTS:
            return after_import.find_spec(fullname, path)
        if _under_lightning(fullname) not in MODULES:
            # Without a name in the error, ``from package import missing`` shows this message and not one of its own.
            raise ModuleNotFoundError(_missing(fullname))
        return ModuleSpec(fullname, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> AliasModule:
        name = spec.name if spec.name in SERVED else _under_lightning(spec.name)
        return self.modules.setdefault(name, AliasModule(name))

    def exec_module(self, module: AliasModule) -> None:
        """Nothing is run; a module for two spellings keeps the one under ``lightning``."""
        module.__spec__ = ModuleSpec(module.__name__, self, is_package=True)  # type: ignore[arg-type]
        if _under_lightning(module.__name__) == "lightning.pytorch" and os.environ.get(SILENCE) in ("0", "off"):
            warnings.simplefilter("ignore", LeydenWarning)

    def find_distributions(self, context: DistributionFinder.Context | None = None) -> Iterable[Distribution]:
        """What ``importlib.metadata`` asks: the versions of Lightning's distributions."""
        from leyden.compat.distribution import distributions

        return distributions(None if context is None else context.name, LIGHTNING_VERSION)


_FINDER: Final = AliasFinder()


def _name_bases(aliased: bool) -> None:
    """Give the bases that are imported Lightning's names, or their own. Pickle goes by ``__qualname__``."""
    for target, name in CLASS_NAMES.items():
        module, _, attribute = target.partition(":")
        if module in sys.modules:
            getattr(sys.modules[module], attribute).__name__ = name if aliased else attribute


def _is_class_name(name: str) -> bool:
    return name[0].isupper() and not name.isupper() and not name.endswith("Exception")  # which must be catchable


def _under_lightning(name: str) -> str:
    root, dot, rest = name.partition(".")
    return PARTS.get(root, root) + dot + rest


def _missing(spelled: str) -> str:
    """What is wrong and the way out, for a name of Lightning's that is not served."""
    module, _, name = _under_lightning(spelled).rpartition(".")
    if name in LATER.get(module, ()):
        return (
            f"Leyden does not have {spelled} yet, which Lightning {LIGHTNING_VERSION} has. Do without it, or run this "
            "program on Lightning."
        )
    close = get_close_matches(name, (*SERVED.get(module, ()), *_names_in(module)), n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return (
        f"Leyden does not have {spelled}. {hint}The names of Lightning that it has are in leyden/compat/table_*.py; "
        "names that begin with an underscore or that no page of Lightning's documents are not among them."
    )


def _names_in(module: str) -> list[str]:
    return [other.rpartition(".")[2] for other in MODULES if other.rpartition(".")[0] == module]
