"""Whether a file is worth parsing: the words that each check needs, looked for before there is a tree."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from leyden.audit.code import loads, surroundings, training
from leyden.audit.code.names import spellings
from leyden.audit.code.origins import ROOTS as ORIGINS
from leyden.audit.code.program import Check
from leyden.audit.code.tables import CALLS, KEYWORDS, METHODS

Beside: TypeAlias = Callable[[frozenset[bytes], bytes], bool]  # asked with the words of a file, and all of it


def _any(*needed: str) -> Beside:
    wanted = frozenset(word.encode() for word in needed)
    return lambda words, _: not words.isdisjoint(wanted)


def _text(*needed: bytes) -> Beside:
    return lambda _, data: any(text in data for text in needed)


def _either(first: Beside, second: Beside) -> Beside:
    return lambda words, data: first(words, data) or second(words, data)


_TEMPORARY: Final = _text(b"/tmp")
_EVERYWHERE: Final = _text(b"0.0.0.0", b"::")
_SERVERS: Final = ("flask", "fastapi", "quart", "bottle", "django", "tornado", "aiohttp", "streamlit")
_EVALUATED: Final = re.compile(rb"(?<![\w.])(?:eval|exec)\b")
# Checks that find nothing without something else beside the name that they are called for, which is rarer.
_BESIDE: Final[Mapping[Check, Beside]] = {
    surroundings.shows: _any("environ", "getenv"),
    surroundings.opens: _either(_any(*_SERVERS), _TEMPORARY),
    surroundings.saves: _TEMPORARY,
    surroundings.keeps: _TEMPORARY,
    surroundings.writes: _TEMPORARY,
    surroundings.writes_path: _TEMPORARY,
    surroundings.listens_by_default: _EVERYWHERE,
    surroundings.debugger: _any("flask", "quart", "dash"),
    surroundings.deletes: _any(*(ORIGINS - {"os", "sys"})),
    surroundings.binds: _either(
        _text(b".bind"), _any("HTTPServer", "ThreadingHTTPServer", "TCPServer", "make_server", "managers")
    ),
    surroundings.sets_variable: _text(b"TORCH_FORCE"),
    surroundings.download: _text(b"http://", b"HTTP://"),
    surroundings.listens: _EVERYWHERE,
    surroundings.unchecked: _any("CERT_NONE", *surroundings.HTTP),
    surroundings.configures: _text(b"--bind_all"),
    surroundings.extracts: _any("tarfile"),
    surroundings.shared: _any("share"),
    training.subprocess: _any("shell"),
    training.evaluates: lambda _, data: b"builtins" in data or _EVALUATED.search(data) is not None,
}


@final
@dataclass(frozen=True)
class _Clue:
    """What a word needs to have beside it: the package that it belongs to, and one of some other things."""

    root: bytes
    beside: tuple[Beside, ...]

    def holds(self, words: frozenset[bytes], data: bytes) -> bool:
        if self.root and self.root not in words:
            return False
        return not self.beside or any(there(words, data) for there in self.beside)


def _beside(checks: Iterable[Check]) -> tuple[Beside, ...]:
    """Of what one thing has to be there; nothing if one of the checks finds something without."""
    needed = [_BESIDE.get(check) for check in checks]
    return () if None in needed else tuple(beside for beside in needed if beside is not None)


def _clues() -> Iterator[tuple[str, _Clue]]:
    """Words with what they need: the last name of each path, and the package where it begins."""
    paths = {**dict.fromkeys((*loads.HANDED_ON, *surroundings.NAMED), ()), **CALLS}
    for path, checks in paths.items():
        handed_on = path in loads.HANDED_ON or path in surroundings.NAMED
        for spelling in spellings(path):
            words = re.findall(r"\w+", spelling)
            root = "" if words[0] == "builtins" else words[0]
            yield words[-1], _Clue(root.encode(), () if handed_on else _beside(checks))
    for name, checks in (*METHODS.items(), *KEYWORDS.items()):
        yield name, _Clue(b"", _beside(checks))
    yield "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", _Clue(b"", ())
    yield "verify_mode", _Clue(b"", (_any("CERT_NONE"),))


def _by_word() -> Mapping[bytes, tuple[_Clue, ...]]:
    found: dict[bytes, dict[_Clue, None]] = {}
    for word, clue in _clues():
        found.setdefault(word.encode(), {})[clue] = None
    return {word: (*clues,) for word, clues in found.items()}


_CLUES: Final = _by_word()
_WORDS: Final = frozenset(_CLUES)
# By these a program reaches members of a module that it does not write.
_FETCHING: Final = re.compile(rb"\b(?:getattr|attrgetter)\s*\(\s*(\w+)")
_IMPORTS: Final = re.compile(rb"^[ \t]*(?:from|import)[ \t](?:[^\n(]*\([^)]{0,4000}|[^\n]*)", re.MULTILINE)
# Text beside a name that secrets have, and text in the form of a secret. Bounded: a file of nothing but these would
# take for ever.
_SECRETS: Final = re.compile(
    rb"(?:passw\w{0,20}|passphrase|pwd|secret|key|token|credentials?|bearer)"
    rb"[\"'\]\s]{0,40}[=:]\s{0,40}[bru]?[\"']"
)
_KEYS: Final = re.compile(rb"[\"'](?:sk-|hf_|gh[pousr]_|github_pat_|akia|xox|glpat-|aiza|npm_|pypi-)")
_NO_LETTERS: Final = bytes(byte if chr(byte).isalnum() or byte == ord("_") else ord(" ") for byte in range(128)).ljust(
    256, b" "
)
_COOKIE: Final = re.compile(rb"[^\n]{0,400}\n?[^\n]{0,400}coding[=:][ \t]*(?!utf-?8|ascii|latin)", re.IGNORECASE)


def tells(data: bytes) -> bool:
    """Whether a program may have something to find; one of which this is not true has nothing."""
    if b"\0" in data or _COOKIE.match(data):  # words may be spelt in bytes that do not show them
        return True
    if not data.isascii():
        # Python takes letters of other alphabets for ours, where they are the same letter in another form.
        try:
            data = unicodedata.normalize("NFKC", str(data, "utf-8")).encode()
        except UnicodeError:
            return True
    words = frozenset(data.translate(_NO_LETTERS).split())
    if any(clue.holds(words, data) for word in words & _WORDS for clue in _CLUES[word]):
        return True
    if _fetches(data):
        return True
    lower = data.lower()
    return _SECRETS.search(lower) is not None or _KEYS.search(lower) is not None


def _fetches(data: bytes) -> bool:
    """Whether something is fetched by ``getattr`` from what a program imports."""
    owners = {*_FETCHING.findall(data)}
    if not owners:
        return False
    imported = {word for line in _IMPORTS.findall(data) for word in line.translate(_NO_LETTERS).split()}
    return not owners.isdisjoint(imported)
