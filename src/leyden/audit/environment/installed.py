"""What there is to say about each installed distribution and the files that it lists."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, final

from leyden.audit.environment.distributions import Distribution
from leyden.audit.environment.places import Environment
from leyden.audit.environment.record import Difference, Entry, compare, entries
from leyden.audit.finding import Finding, Place, Severity
from leyden.audit.opening import SpecialError, head
from leyden.audit.rules.environment import (
    FILE_CHANGED,
    FILES_MISSING,
    INSTALLED_FROM,
    INSTALLED_TWICE,
    RECORD_MISSING,
    RECORD_OUTSIDE,
    RECORD_UNREADABLE,
)
from leyden.errors import FormatError
from leyden.wire import strict_json
from leyden.wire.strict_json import Json

MOST_FILES: Final = 500_000  # in all RECORDs together
_MOST_TOLD: Final = 20  # changed files of one distribution; more are told together
_MOST_URL: Final = 64 << 10
_PYTHON: Final = (".py", ".pth", ".pyc")
_LIBRARIES: Final = (".so", ".pyd", ".dll", ".dylib")


@final
@dataclass
class Listed:
    """The RECORDs of an environment: their entries, which paths they own, and what was wrong with them."""

    entries: list[tuple[Distribution, list[Entry]]] = field(default_factory=list)
    owned: set[str] = field(default_factory=set)
    without: list[Distribution] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def of(cls, distributions: Iterable[Distribution], environment: Environment) -> Listed:
        listed, left = cls(), MOST_FILES
        for distribution in distributions:
            left -= listed._add(distribution, environment, left)
        return listed

    def _add(self, distribution: Distribution, environment: Environment, left: int) -> int:
        """Read one RECORD; the number of its entries."""
        found: list[Entry] = []
        try:
            listing = entries(distribution, environment)
            if listing is None:
                self.without.append(distribution)
                return 0
            for entry in listing:
                if len(found) >= left:
                    raise FormatError(f"there are over {MOST_FILES:,} files, the limit")
                found.append(entry)
        except (FormatError, OSError) as error:
            place = Place(os.path.join(distribution.info, "RECORD"))  # noqa: PTH118
            why = error if isinstance(error, FormatError) else error.strerror
            text = f"The files of {distribution} were not all compared: {why}."
            self.findings.append(RECORD_UNREADABLE.at(place, text, key=distribution.key))
        self.entries.append((distribution, found))
        self.owned.update(entry.path for entry in found)
        return len(found)


def without_record(listed: Listed) -> Iterator[Finding]:
    """Distributions whose files nobody can compare: one finding for each directory."""
    folders = dict.fromkeys(one.folder for one in listed.without)
    for folder in folders:
        names = [str(one) for one in listed.without if one.folder == folder]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        text = f"No RECORD lists the files of {', '.join(names[:5])}{more}."
        yield RECORD_MISSING.at(Place(folder), text, key=" ".join(names))


def twice(distributions: Iterable[Distribution]) -> Iterator[Finding]:
    """Distributions of which two versions lie in one directory."""
    first: dict[tuple[str, str], Distribution] = {}
    for one in distributions:
        other = first.setdefault((one.folder, one.key), one)
        if other.version != one.version:
            text = f"{other} and {one} are both installed in {one.folder}."
            yield INSTALLED_TWICE.at(one.place, text, key=f"{other} {one}")


def origin(distribution: Distribution) -> Iterator[Finding]:
    """Where a distribution was installed from, if that is no index."""
    path = os.path.join(distribution.info, "direct_url.json")  # noqa: PTH118
    try:
        text = head(path, _MOST_URL).decode("utf-8", "replace")
        found = strict_json.loads(text, depth=8, values=1000, what=path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, SpecialError, FormatError):
        yield INSTALLED_FROM.at(
            Place(path), f"Where {distribution} came from is written in a file that cannot be read."
        )
        return
    yield INSTALLED_FROM.at(Place(path), f"{distribution} was installed from {_source(found)}.", key=distribution.key)


def _source(found: Json) -> str:
    match found:
        case {"url": str(url), "dir_info": {"editable": True}}:
            return f"{url}, and runs from there as it is now"
        case {"url": str(url), "vcs_info": {"commit_id": str(commit)}}:
            return f"{url} at commit {commit}"
        case {"url": str(url)}:
            return url
        case _:
            return "somewhere that its file does not name"


def differences(distribution: Distribution, listing: Iterable[Entry], everything: bool) -> Iterator[Finding]:
    """How the files of a distribution differ from what was installed."""
    outside, missing, unread, changed = [], [], [], []
    for entry in listing:
        if not entry.path:
            outside.append(entry.named)
            continue
        found = compare(entry, everything)
        if found is None:
            continue
        match found.what:
            case "missing":
                missing.append(entry.named)
            case "unread":
                unread.append(entry.named)
            case _:
                changed.append(found)
    record = Place(os.path.join(distribution.info, "RECORD"))  # noqa: PTH118
    yield from _changed(distribution, changed, record)
    for rule, names, what in (
        (FILES_MISSING, missing, "are missing"),
        (RECORD_OUTSIDE, outside, "lie outside of the environment and were not compared"),
        (RECORD_UNREADABLE, unread, "could not be compared"),
    ):
        if names:
            text = f"{len(names):,} of the files that {distribution} lists {what}, such as {names[0]}."
            yield rule.at(record, text, key=f"{distribution.key} {what}")


def _changed(distribution: Distribution, changed: list[Difference], record: Place) -> Iterator[Finding]:
    by_installer = os.path.exists(os.path.join(distribution.info, "INSTALLER"))  # noqa: PTH110, PTH118
    weighed = sorted(((_weight(one.entry.named, by_installer), one) for one in changed), key=lambda pair: -pair[0])
    for severity, one in weighed[:_MOST_TOLD]:
        text = f"{distribution} was installed with other content of {one.entry.named}."
        yield FILE_CHANGED.at(Place(one.entry.path), text, key=one.found, severity=severity)
    if rest := weighed[_MOST_TOLD:]:
        severity, one = rest[0]
        text = f"{len(rest):,} more files of {distribution} are not what was installed, such as {one.entry.named}."
        yield FILE_CHANGED.at(record, text, key=" ".join(one.found for _, one in rest), severity=severity)


def _weight(name: str, by_installer: bool) -> Severity:
    """How much a change matters. Systems strip the libraries of their packages, which pip did not install."""
    if name.startswith(".."):  # programs in bin, which are rewritten when an environment is moved
        return Severity.MEDIUM
    if "__pycache__/" in name:  # Python itself writes it anew where it is older than its source
        return Severity.INFO
    if name.endswith(_PYTHON):
        return Severity.HIGH
    if name.endswith(_LIBRARIES):
        return Severity.HIGH if by_installer else Severity.INFO
    return Severity.MEDIUM if name.endswith(".pem") else Severity.LOW  # whose certificates are trusted
