"""Secrets in configuration: by the name and look of a value, the form of a token, an address with a password."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from leyden.audit.code.secrets import is_placeholder, is_secret
from leyden.audit.config.hits import Hit
from leyden.audit.finding import Rule, shortened
from leyden.audit.rules.config_values import SECRET
from leyden.redaction import tokens

# The last word of names that say where a secret is, or what kind, and not what.
_ABOUT: Final = frozenset(
    [
        "name", "names", "ref", "refs", "path", "file", "files", "dir", "arn", "type", "class", "version", "url", "uri",
        "id", "ids", "hash", "digest", "length", "len", "count", "limit", "format", "policy", "field", "column",
        "prefix", "suffix", "env", "var", "manager", "store", "provider", "template", "label",
        "hint", "description", "message",
    ]
)  # fmt: skip
# Names of keys that are no secrets, and of values that a program makes up.
_PUBLIC: Final = re.compile(
    r"(?i)public|cache|partition|foreign|sort|primary|fingerprint|host|index|restore|annot|vocab"
)
_BY_LOOK: Final = re.compile(r"(?i)(?:.*[_.-])?(?:api_?)?(?:key|token|auth|bearer)")
_RANDOM: Final = re.compile(r"(?=.*[0-9].*[0-9].*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_]{24,100}")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ADDRESS: Final = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@'\"<>$]{1,100}:(?P<password>[^\s/@'\"<>]{3,100})@(?P<host>[^\s/:'\"]+)"
)
_STANDING_FOR: Final = re.compile(
    r"(?i)\$|\{|<|\*\*\*|^(?:password|passwd|pass|pw|secret|token|x+|changeme|postgres|root|admin|user|test|example)$"
)
_LONGEST: Final = 4_000  # characters of a value that is named
_EMULATOR: Final = "AccountKey=Eby8vdM02xNOcqF"  # of Azurite, the same for everybody
_SHORTEST_KEY: Final = 100  # characters of a private key with its first line


def secret(name: str, value: str, line: int, column: int | None = None, rule: Rule = SECRET) -> Iterator[Hit]:
    """What is wrong with a value under this name."""
    if not 4 <= len(value) <= _LONGEST:
        return
    if under_name(name, value):
        text = f"The value of `{shortened(name, 60)}` stands in the file."
        yield Hit(rule, text, line, column, secret=value)
    else:
        yield from address(value, line, column, rule)


def address(value: str, line: int, column: int | None = None, rule: Rule = SECRET) -> Iterator[Hit]:
    """A password inside an address."""
    if "://" not in value or "@" not in value:
        return
    for found in _ADDRESS.finditer(value):
        password, host = found["password"], found["host"]
        if not _STANDING_FOR.search(password) and not host.startswith(("localhost", "127.", "example.")):
            yield Hit(rule, f"The address of {shortened(host, 60)} holds a password.", line, column, secret=password)


def token(text: str, line: int, rule: Rule = SECRET) -> Iterator[Hit]:
    """Text that has the form which a service gives its keys, anywhere in what begins on ``line``."""
    last = 0
    for found in tokens(text):
        line, last = line + text.count("\n", last, found.start()), found.start()
        value = found[0]
        if value.startswith(_EMULATOR):
            continue
        # The first line of a private key alone is what programs look for.
        if len(value) < _SHORTEST_KEY if value.startswith("-----") else is_placeholder(value):
            continue
        yield Hit(rule, "It has the form of a service's key.", line, secret=value)


def under_name(name: str, value: str) -> bool:
    """Whether a value under this name is a secret, and not where one is."""
    words = [word.lower() for word in _WORD.findall(name[-100:])]
    if not words or (words[-1] in _ABOUT and not _is_token(value)):
        return False
    if any(mark in value for mark in ("${", "$(", "{{", " ", "%(")):
        return False
    if is_secret(name.replace("-", "_").rpartition(".")[2], value):
        return not _says_where(value)
    return (
        _BY_LOOK.fullmatch(name) is not None
        and _PUBLIC.search(name) is None
        and _RANDOM.fullmatch(value) is not None
        and _entropy(value) > 3.5
    )


def _is_token(value: str) -> bool:
    return any(found[0] == value for found in tokens(value))


def _says_where(value: str) -> bool:
    """Whether it is the name of a variable, a file or a setting, and not what they hold."""
    return (
        re.fullmatch(
            r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[\w-]+(?:\.[a-z_]\w*)+|[a-z]+(?:[-_][a-z]+)+(?:[-_]?v?\d{1,2})?", value
        )
        is not None
    )


def _entropy(text: str) -> float:
    """Bits for each character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
