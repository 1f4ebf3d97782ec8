"""Where an installer is sent: indexes, addresses and other files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from leyden.audit.dependencies.declared import Declared, Option, Requirement, Style
from leyden.audit.finding import Finding, Place, Severity
from leyden.audit.rules.dependencies import CLEAR_INDEX, EXTRA_INDEX, LEADS_OUT, MOVING_REFERENCE

_COMMIT: Final = re.compile(r"@[0-9a-f]{7,64}(?:[#?]|$)")
_TAG: Final = re.compile(r"@(?:refs/tags/)?[A-Za-z_-]{0,40}v?[0-9]+(?:\.[0-9A-Za-z]+){1,6}(?:[#?]|$)")
_DIGEST: Final = re.compile(r"#(?:.{0,200}&)?sha(?:256|384|512)=[0-9a-f]{64}")
_VCS: Final = re.compile(r"(?:git|hg|svn|bzr)\+")
_HERE: Final = re.compile(r"localhost|127\.[0-9.]+|\[::1\]")
# Anybody can see who publishes there, and nobody registers names on them as they like.
_WELL_KNOWN: Final = frozenset(
    ("download.pytorch.org", "pypi.org", "pypi.nvidia.com", "data.pyg.org", "storage.googleapis.com")
)
_NAMED: Final = 8


def placed(declared: Declared, place: Place) -> Iterator[Finding]:
    """What is wrong with the places that the file names."""
    if declared.style is not Style.COMMANDS:  # the auditor of commands looks at those
        yield from _indexes(declared, place)
    yield from _extra(declared, place)
    for option in declared.option("requirement", "constraint"):
        if _leads_out(option.value):
            text = f"`{option.value}` is outside of this directory, or on another machine."
            yield LEADS_OUT.at(place.at_line(option.line), text, key=option.value)
    if declared.style is not Style.LOCK:
        for one in declared.requirements:
            if one.url and not one.local:
                yield from _reference(one, place.at_line(one.line), declared.style)


def _indexes(declared: Declared, place: Place) -> Iterator[Finding]:
    for option in declared.option("index-url", "extra-index-url", "find-links"):
        if option.value.lower().startswith("http:") and not _HERE.match(_host(option.value)):
            text = f"Packages come from `{_host(option.value)}` without https."
            yield CLEAR_INDEX.at(place.at_line(option.line), text, key=f"clear {_host(option.value)}")
    for option in declared.option("trusted-host"):
        host = _host(option.value) or option.value
        if not _HERE.match(host):
            text = f"The certificate of `{host}` is not checked."
            where = place.at_line(option.line)
            yield CLEAR_INDEX.at(where, text, key=f"trusted {host}", severity=Severity.MEDIUM)


def _extra(declared: Declared, place: Place) -> Iterator[Finding]:
    for option in declared.option("index-strategy"):
        if option.value.startswith("unsafe"):
            text = f"`{option.value}` lets uv take a name from any of the indexes."
            yield EXTRA_INDEX.at(place.at_line(option.line), text, key="index strategy")
    extra = [one for one in declared.option("extra-index-url") if _host(one.value)]
    if not extra:
        return
    # A command is one for itself.
    asked = declared.requirements
    if declared.style is Style.COMMANDS:
        asked = [one for one in asked if one.line == extra[0].line]
    loose = [one for one in asked if one.name and not (one.url or one.hashed or "+" in one.version)]
    whole = bool(asked) and not loose
    if whole or any(True for _ in declared.option("require-hashes", "no-index")):
        return
    option = extra[0]
    names = ", ".join(f"`{one.name}`" for one in loose[:_NAMED]) or "everything"
    text = f"`{_host(option.value) or option.value}` is asked besides PyPI, and nothing fixes what is taken of {names}."
    severity = Severity.LOW if all(_host(one.value) in _WELL_KNOWN for one in extra) else Severity.MEDIUM
    if severity is Severity.LOW and declared.style is Style.COMMANDS:
        severity = Severity.INFO
    yield EXTRA_INDEX.at(place.at_line(option.line), text, key=f"extra {_hosts(extra)}", severity=severity)


def _reference(one: Requirement, where: Place, style: Style) -> Iterator[Finding]:
    url = one.url
    shown = f"`{one.name or url}`"
    if _VCS.match(url):
        if _COMMIT.search(url) is None:
            tagged = _TAG.search(url) is not None
            text = (
                f"{shown} is taken from {'a tag, which can be moved' if tagged else 'a branch, as it is on the day'}."
            )
            # A pipeline that tries what will come next means the branch.
            severity = Severity.INFO if tagged or style is Style.COMMANDS else Severity.LOW
            yield MOVING_REFERENCE.at(where, text, snippet=one.text, key=url, severity=severity)
    elif url.lower().startswith(("http://", "https://", "ftp://")):
        if not (one.hashed or _DIGEST.search(url)):
            clear = not url.lower().startswith("https://")
            text = f"{shown} is a file behind an address{' without https' if clear else ''}, and no hash says which."
            severity = Severity.HIGH if clear else Severity.LOW
            yield MOVING_REFERENCE.at(where, text, snippet=one.text, key=url, severity=severity)
    elif _leads_out(url.removeprefix("file:")):
        yield LEADS_OUT.at(where, f"{shown} lies outside of this directory.", snippet=one.text, key=url)


def _leads_out(path: str) -> bool:
    """Does a path lead far out of the directory of the file, or to another machine? One step up is in the project."""
    if "://" in path and not path.startswith("//"):
        return True
    parts = path.replace("\\", "/").split("/")
    depth = lowest = 0
    for part in parts:
        depth += 0 if part in ("", ".") else -1 if part == ".." else 1
        lowest = min(lowest, depth)
    return path.startswith(("/", "~", "\\")) or path[1:2] == ":" or lowest < -1


def _host(url: str) -> str:
    try:
        return (urlsplit(url).netloc.rpartition("@")[2]).partition(":")[0].lower()
    except ValueError:
        return ""


def _hosts(options: list[Option]) -> str:
    return " ".join(sorted(_host(option.value) for option in options))
