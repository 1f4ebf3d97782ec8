"""What is hidden in text that leaves the program, wherever it goes: errors, warnings, logs, files, reports.

Hidden are the values of environment variables whose name says that they are secret, users and queries of URLs, and what
has the form of a well-known kind of token. It stands below everything else, since errors need it.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

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
_LIKE_A_PATH: Final = re.compile(r"(?:[A-Za-z]:|~|\.{0,2})[/\\].*")
_USER: Final = re.compile(r"(?<=://)[^\s/'\"]+@")
_QUERY: Final = re.compile(r"([a-z][a-z0-9+.-]{0,30}://[^\s?'\"<>]*)\?[^\s'\"<>]+", re.IGNORECASE)

# Tokens that say what they are: each begins with a mark of who issues it. This pattern and the next are compiled when
# they are first needed, since that takes longer than importing the rest of this module.
_MARKS: Final = (
    "-----BEGIN",
    "AGE-SECRET",
    "AIza",
    "AKIA",
    "ASIA",
    "AccountKey=",
    "dckr_pat_",
    "eyJ",
    "gh",
    "github",
    "glpat-",
    "hf_",
    "hooks.slack",
    "npm_",
    "nvapi-",
    "pypi-",
    "sk-",
    "xox",
)
_FORMS: Final = (
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[\s\S]*?-----END [A-Z ]{0,30}PRIVATE KEY-----|[A-Za-z0-9+/=\s]*)"
    r"|(?<![A-Za-z0-9_])(?:"
    r"AGE-SECRET-KEY-1[0-9A-Z]{50,}"
    r"|AIza[0-9A-Za-z_-]{35}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|AccountKey=[A-Za-z0-9+/]{40,}={0,2}"
    r"|dckr_pat_[A-Za-z0-9_-]{20,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"
    r"|gh[pousr]_[A-Za-z0-9]{36,}"
    r"|github_pat_[A-Za-z0-9_]{50,}"
    r"|glpat-[A-Za-z0-9_-]{20,}"
    r"|hf_[A-Za-z0-9]{30,}"
    r"|hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{20,}"
    r"|npm_[A-Za-z0-9]{36}"
    r"|nvapi-[A-Za-z0-9_-]{40,}"
    r"|pypi-AgE[A-Za-z0-9_-]{50,}"
    r"|sk-(?=[A-Za-z_-]*[0-9])(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{20,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}"
    r")(?![A-Za-z0-9])"
)
# A name and its value in a line of a program or of a configuration: api_key = "…", --token=…, "password": "…".
_ASSIGNED: Final = (
    r"""(?P<name>[A-Za-z_][A-Za-z0-9_.-]{0,80})(?P<between>["']?\]?\s{0,8}(?:=>|[=:])\s{0,8})"""
    r"""(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s"',;()\[\]{}]+)"""
)


class Look(NamedTuple):
    """What to hide: these values wherever they stand, and the queries of URLs or not."""

    values: tuple[str, ...]
    queries: bool = True

    def text(self, text: str) -> str:
        """``text`` without its secrets; the same object where there is none, so that nothing is copied."""
        hidden = text
        for value in self.values:
            hidden = hidden.replace(value, HIDDEN)
        if "://" in hidden:
            hidden = _USER.sub("", hidden)
            hidden = _QUERY.sub(r"\1", hidden) if self.queries else hidden
        if any(mark in hidden for mark in _MARKS):
            hidden = re.sub(_FORMS, HIDDEN, hidden)
        return text if hidden == text else hidden


def look(environment: Mapping[str, str] = os.environ, queries: bool = True) -> Look:
    """What to hide as things stand: the environment may have changed since."""
    named = tuple((name, value) for name, value in environment.items() if len(value) >= _SHORTEST and _suspect(name))
    return Look(_values(named), queries)


def redact_text(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """``text`` without values of secret variables, users and queries in URLs, and well-known tokens."""
    return look(environment).text(text)


def tokens(text: str) -> list[re.Match[str]]:
    """What in ``text`` has the form of a well-known kind of token or private key."""
    return [*re.finditer(_FORMS, text)] if any(mark in text for mark in _MARKS) else []


@lru_cache(4096)
def shown_name(name: str) -> str:
    """The name of a metric as loggers and screens have it. Each is looked at once: rows are written often."""
    return redact_text(name)


def redact_source(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The same for lines of a program or a configuration, in which names stand beside their values."""

    def hidden(found: re.Match[str]) -> str:
        value = found["value"]
        inner = value[1:-1] if value[0] in "\"'" else value
        if not names_a_secret(found["name"], inner) or inner == HIDDEN:
            return found[0]
        return f"{found['name']}{found['between']}{value.replace(inner, HIDDEN)}"

    return re.sub(_ASSIGNED, hidden, redact_text(text, environment))


def names_a_secret(name: str, value: str) -> bool:
    """Whether text under this name is to be hidden."""
    if not value:
        return False
    words = _words(name)
    if _says_so(words):
        return True
    return not _BY_VALUE.isdisjoint(words) and _LIKE_A_SECRET.fullmatch(value) is not None


def says_secret(name: str) -> bool:
    """Whether a name says that what stands under it is secret, whatever that looks like."""
    return _says_so(_words(name))


@lru_cache(4096)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name))


def _says_so(words: tuple[str, ...]) -> bool:
    return not _ALWAYS.isdisjoint(words) or not _IN_PAIRS.isdisjoint(itertools.pairwise(words))


def _suspect(name: str) -> bool:
    words = _words(name)
    return _says_so(words) or not _BY_VALUE.isdisjoint(words)


@lru_cache(16)
def _values(named: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """What secret variables hold, as text, URL and repr have it, the longest first: one may be part of another."""
    from urllib.parse import quote  # here: it takes time to import, and few programs have such variables

    found = {value for name, value in named if names_a_secret(name, value) and not _is_place(name, value)}
    written = {form for value in found for form in (quote(value, safe=""), repr(value)[1:-1], ascii(value)[1:-1])}
    return tuple(sorted(found | written, key=len, reverse=True))


def _is_place(name: str, value: str) -> bool:
    """Does a variable say where a secret lies? A message about that file has to name it."""
    if _LIKE_A_PATH.fullmatch(value) is None:
        return False
    try:
        return not says_secret(name) or os.path.exists(os.path.expanduser(value))  # noqa: PTH110, PTH111 (as above)
    except ValueError:  # it holds a null character
        return False
