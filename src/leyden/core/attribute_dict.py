"""A dictionary whose items can be read and set as attributes."""

from __future__ import annotations

from typing import Any


class AttributeDict(dict[str, Any]):
    """A dictionary that also answers to ``d.name``; a name that ``dict`` has itself is reached as ``d["name"]``."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            there = f"only {', '.join(map(repr, self))}" if self else "nor anything else"
            source = "Hyperparameters come from self.save_hyperparameters() in __init__."
            raise AttributeError(f"There is no {name!r} here, {there}. {source}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"There is no {name!r} to delete.") from None

    def __repr__(self) -> str:
        """One line for each item, sorted by name, with the values in a column."""
        names = {key: f'"{key}":' for key in self}
        width = max(map(len, names.values()), default=0)
        return "\n".join(f"{names[key]:<{width}} {self[key]}" for key in sorted(self, key=str))
