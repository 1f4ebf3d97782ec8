"""The one place where secrets are taken out of what leaves the program: logs, YAML, checkpoints, messages, reports."""

from __future__ import annotations

import copy
import dataclasses
import functools
import hmac
import os
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final, NoReturn, final

from leyden.redaction import HIDDEN, Look, look, names_a_secret, redact_source, redact_text, says_secret

__all__ = ["HIDDEN", "Secret", "certain", "names_a_secret", "redact_source", "redact_text", "redacted", "secrets_in"]

_Names = Callable[[str, str], bool]


@final
class Secret:
    """A value that is used and never shown: no log, file, message or ``repr`` of Leyden's has it.

    ``reveal`` answers it. In a checkpoint and in logs it stands as ``[secret]``, so a program that resumes has to
    bring it again.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one who needs it."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, specification: str) -> str:
        return format(HIDDEN, specification)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret is not pickled. In another process, read it again from where it came from.")


def redacted(value: Any, environment: Mapping[str, str] = os.environ) -> Any:
    """``value`` without its secrets: a copy where there are any, in containers and plain objects of any depth.

    Hidden are Secrets, text under a name that says so, the values of environment variables with such a name, users
    and queries in URLs, and what has the form of a well-known token.
    """
    return _Redaction(look(environment), names_a_secret).of(value)


def certain(value: Any, environment: Mapping[str, str] = os.environ) -> Any:
    """The same for what a program reads back: only what is a secret beyond doubt.

    A text is not hidden for its look under a name such as ``key``, and queries of URLs stay: both may be data.
    """
    return _Redaction(look(environment, queries=False), lambda name, text: bool(text) and says_secret(name)).of(value)


def secrets_in(hparams: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> list[str]:
    """The names of hyperparameters that hold a secret. The query of a URL is none here: it may be what is meant."""
    redaction = _Redaction(look(environment, queries=False), names_a_secret)
    return [name for name, value in _items(hparams) if redaction.member(name, value) is not value]


@final
class _Redaction:
    """One walk through a value. What holds no secret is the same object afterwards."""

    def __init__(self, look: Look, names: _Names) -> None:
        self._look = look
        self._names = names
        # What was looked at, by identity, with what became of it: each once, and one that holds itself ends there.
        self._known: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any) -> Any:
        match value:
            case Secret():
                return HIDDEN
            case str():
                return self._text(value)
            case bytes() | bytearray():
                text = value.decode("latin-1")
                hidden = self._look.text(text)
                return value if hidden is text else type(value)(hidden.encode("latin-1"))
            case type() | None | bool() | int() | float() | complex():
                return value
            case _:
                return self._inside(value)

    def member(self, name: object, value: Any) -> Any:
        text = value.decode("latin-1") if isinstance(value, (bytes, bytearray)) else value
        if isinstance(name, str) and isinstance(text, str) and self._names(name, text):
            return HIDDEN
        return self.of(value)

    def _inside(self, value: Any) -> Any:
        if (known := self._known.get(id(value))) is not None:
            return known[1]
        self._known[id(value)] = value, value
        hidden = self._looked_into(value)
        self._known[id(value)] = value, hidden
        return hidden

    def _looked_into(self, value: Any) -> Any:
        match value:
            case list() | tuple() | set() | frozenset() | deque():
                return self._members(value)
            case _ if _is_omegaconf(value):
                return self._of_configuration(value)
            case Mapping():
                return self._mapping(value)
            case Namespace() | SimpleNamespace():
                return self._attributes(value, vars(value))
            case functools.partial():
                return self._whole(value, (value.args, value.keywords))
            case _ if dataclasses.is_dataclass(value):
                names = [field.name for field in dataclasses.fields(value) if hasattr(value, field.name)]
                return self._attributes(value, {name: getattr(value, name) for name in names})
            case _ if type(value).__module__.partition(".")[0] not in _WITHOUT_SECRETS:
                return self._whole(value, getattr(value, "__dict__", None))
            case _:
                return value

    def _whole(self, value: Any, inner: Any) -> Any:
        """Hidden as a whole where it holds a secret: nobody knows how to make another one of its kind."""
        return value if self.of(inner) is inner else HIDDEN

    def _text(self, value: str) -> str:
        hidden = self._look.text(value)
        return value if hidden is value or hidden == value else hidden

    def _members(self, value: Any) -> Any:
        names = getattr(type(value), "_fields", None)  # of a named tuple
        pairs = zip(names, value, strict=False) if isinstance(names, tuple) else ((None, member) for member in value)
        members = [self.member(name, member) for name, member in pairs]
        if all(new is old for new, old in zip(members, value, strict=True)):
            return value
        if isinstance(names, tuple):
            return type(value)(*members)
        if isinstance(value, deque):
            return deque(members, value.maxlen)
        kind = next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))
        return kind(members)

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        items = {self.of(name): self.member(name, member) for name, member in value.items()}
        same = all(new is old for new, old in zip(items, value, strict=False)) and len(items) == len(value)
        if same and all(items[name] is value[name] for name in value):
            return value
        if not isinstance(value, dict):
            return items
        copied = value.copy()  # keeps the kind of dictionary
        copied.clear()
        copied.update(items)
        return copied

    def _attributes(self, value: Any, attributes: Mapping[str, Any]) -> Any:
        hidden = {name: self.member(name, member) for name, member in attributes.items()}
        changed = {name: member for name, member in hidden.items() if member is not attributes[name]}
        if not changed:
            return value
        copied = copy.copy(value)
        for name, member in changed.items():
            object.__setattr__(copied, name, member)  # of frozen ones too; their own code does not run
        return copied

    def _of_configuration(self, value: Any) -> Any:
        """One of omegaconf's, as plain containers where it holds a secret; nothing is resolved to find out."""
        plain = sys.modules["omegaconf"].OmegaConf.to_container(value, resolve=False)
        hidden = self.of(plain)
        return value if hidden is plain else hidden


# Objects of these are numbers, layers and functions; looking into all of them takes long.
_WITHOUT_SECRETS: Final = frozenset({"builtins", "functools", "numpy", "torch", "types", "leyden"})
_CONFIGURATIONS: Final = ("DictConfig", "ListConfig")


def _is_omegaconf(value: object) -> bool:
    kind = type(value)
    return kind.__module__.startswith("omegaconf.") and kind.__name__ in _CONFIGURATIONS


def _items(hparams: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    if _is_omegaconf(hparams):
        return [*sys.modules["omegaconf"].OmegaConf.to_container(hparams, resolve=False).items()]
    return [*hparams.items()]
