"""What is done to modules of others as soon as they are imported, while Lightning's names are served."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, final

from leyden.compat import spawned, torch_guard

if TYPE_CHECKING:
    from importlib.abc import Loader

# At the end of torch.serialization, so that all of torch takes its functions from there when they are ours already.
_CHANGES: Final[Mapping[str, Callable[[ModuleType], None]]] = {
    torch_guard.SERIALIZATION: torch_guard.guard,
    spawned.SPAWN: spawned.pass_on,
}


def change() -> None:
    """Change the modules that are imported already."""
    for name, action in _CHANGES.items():
        if (module := sys.modules.get(name)) is not None:
            action(module)


def change_back() -> None:
    """Leave all of them as they were."""
    torch_guard.unguard()
    spawned.keep()


def find_spec(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """How a module is imported and then changed; None for one that is left alone."""
    action = _CHANGES.get(name)
    spec = None if action is None else PathFinder.find_spec(name, path)
    if spec is not None and spec.loader is not None and action is not None:
        spec.loader = _ChangingLoader(spec.loader, action)  # type: ignore[assignment]
    return spec


@final
class _ChangingLoader:
    """The loader that a module has, and then a change; the module itself only knows the former."""

    def __init__(self, loader: Loader, action: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._action = action

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)  # what else loaders do, such as giving the source

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._action(module)
