"""The one place where secrets are taken out of what leaves the program: logs, YAML, checkpoints, messages, reports."""

from __future__ import annotations

import hmac
import itertools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, final

HIDDEN: Final = "[secret]"

# Whole words of a name, in any spelling: db_password, AWS_SECRET_ACCESS_KEY, apiKey. A token may be a word of a text
# (pad_token="<pad>") and a key may open a dictionary, so these two need a value that looks like a secret as well.
_ALWAYS: Final = frozenset(
    {"password", "passwd", "passphrase", "secret", "secrets", "credential", "credentials", "apikey"}
)
_IN_PAIRS: Final = frozenset(
    {("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("auth", "token")}
)
_BY_VALUE: Final = frozenset({"token", "tokens", "key", "auth", "authorization", "bearer", "cookie"})
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_SHORTEST: Final = 8  # characters: a shorter value of a variable would be found in innocent text
_LIKE_A_SECRET: Final = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[!-~]{16,}")
_USER: Final = re.compile(r"(?<=://)[^\s/@'\"]+@")
_QUERY: Final = re.compile(r"([a-z][a-z0-9+.-]{0,30}://[^\s?'\"<>]*)\?[^\s'\"<>]+", re.IGNORECASE)


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
    """``value`` without its secrets: a copy where there are any, in plain containers of any depth.

    Hidden are Secrets, text under a name that says so, the values of environment variables with such a name, and users
    and queries in URLs.
    """
    return _redacted(value, _Look(secret_values(environment), queries=True))


def secrets_in(hparams: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> list[str]:
    """The names of hyperparameters that hold a secret. The query of a URL is none here: it may be what is meant."""
    look = _Look(secret_values(environment), queries=False)
    return [name for name, value in hparams.items() if _member(name, value, look) is not value]


def redact_text(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """``text`` without values of secret variables and without users and queries in URLs."""
    return _text(text, _Look(secret_values(environment), queries=True))


def names_a_secret(name: str, value: str) -> bool:
    """Whether text under this name is to be hidden."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not value or not words:
        return False
    if not _ALWAYS.isdisjoint(words) or not _IN_PAIRS.isdisjoint(itertools.pairwise(words)):
        return True
    return not _BY_VALUE.isdisjoint(words) and _LIKE_A_SECRET.fullmatch(value) is not None


@final
@dataclass(frozen=True)
class _Look:
    """What to hide: these values wherever they stand, and the queries of URLs or not."""

    values: tuple[str, ...]
    queries: bool


def secret_values(environment: Mapping[str, str]) -> tuple[str, ...]:
    """What the secret variables hold, the longest first: one may be part of another."""
    found = {value for name, value in environment.items() if len(value) >= _SHORTEST and names_a_secret(name, value)}
    return tuple(sorted(found, key=len, reverse=True))


def _redacted(value: Any, look: _Look) -> Any:
    if isinstance(value, Secret):
        return HIDDEN
    if type(value) is str:
        return _text(value, look)
    if type(value) in (list, tuple, set, frozenset):
        members = [_redacted(member, look) for member in value]
        changed = any(new is not old for new, old in zip(members, value, strict=True))
        return type(value)(members) if changed else value
    if isinstance(value, dict):
        items = {name: _member(name, member, look) for name, member in value.items()}
        if all(items[name] is value[name] for name in value):
            return value
        copy = value.copy()  # keeps the kind of dictionary
        copy.update(items)
        return copy
    return value


def _member(name: object, value: Any, look: _Look) -> Any:
    if isinstance(name, str) and type(value) is str and names_a_secret(name, value):
        return HIDDEN
    return _redacted(value, look)


def _text(text: str, look: _Look) -> str:
    hidden = text
    for value in look.values:
        hidden = hidden.replace(value, HIDDEN)
    if "://" in hidden:
        hidden = _USER.sub("", hidden)
        hidden = _QUERY.sub(r"\1", hidden) if look.queries else hidden
    return text if hidden == text else hidden  # the same object: nothing is copied that holds no secret
