"""Advisories of the network, asked for by pip-audit: a program of its own, which is never imported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from leyden.audit.advisories.advisory import normalized
from leyden.audit.environment.distributions import Distribution, installed
from leyden.audit.environment.places import Environment
from leyden.audit.finding import Finding, Place, Record, Survey, shortened
from leyden.audit.rules.online import KNOWN_VULNERABLE, NOT_ASKED, NOT_KNOWN, ONLINE
from leyden.audit.walk import beneath
from leyden.errors import FormatError
from leyden.wire import strict_json
from leyden.wire.strict_json import Json

PROGRAM: Final = "pip-audit"
_LARGEST: Final = 64 << 20  # bytes of an answer
_MOST_NAMED: Final = 8
_ALWAYS: Final = ("--format", "json", "--progress-spinner", "off")
# Nothing is installed or built to find out what a list would bring: that would run code of what is audited.
_AS_LISTED: Final = ("--no-deps", "--disable-pip")


def survey(environment: Environment | None, requirements: Sequence[Path] = ()) -> Survey:
    """What pip-audit knows of an environment or, without one, of lists of requirements."""
    return Survey("online", lambda: look(environment, requirements), ONLINE)


def look(environment: Environment | None, requirements: Sequence[Path] = ()) -> Iterator[Record]:
    where = Place(environment.prefix if environment is not None else os.curdir)
    program = _program(environment)
    if program is None:
        text = f"There is no program {PROGRAM} beside {sys.executable}, or on PATH outside of what is looked at."
        yield NOT_ASKED.at(where, text)
    elif environment is not None:
        found = [one for folder in environment.folders for one in installed(folder) if isinstance(one, Distribution)]
        places = {one.key: one.place for one in found}
        yield from _asked([program, *_ALWAYS, *_each("--path", environment.folders)], where, places)
    elif not requirements:
        yield NOT_ASKED.at(where, "There is neither an environment nor a list of requirements to ask about.")
    else:
        for path in requirements:
            yield from _asked([program, *_ALWAYS, *_AS_LISTED, "--requirement", str(path)], Place(str(path)), {})


def lists(paths: Sequence[str]) -> list[Path]:
    """The lists of requirements among some paths, and directly in the directories among them."""
    found: list[Path] = []
    for path in map(Path, paths):
        found += sorted(path.glob("requirements*.txt")) if path.is_dir() else []
        found += [path] if path.is_file() and path.suffix == ".txt" and "requirements" in path.name else []
    return found


def _program(environment: Environment | None) -> str | None:
    """pip-audit as it lies beside this Python, or on PATH; never a file of what is only looked at."""
    beside = shutil.which(PROGRAM, path=os.path.dirname(sys.executable))  # noqa: PTH120
    program = beside or shutil.which(PROGRAM)
    if program is None or beside is not None:
        return program
    whole = os.path.realpath(program)
    looked_at = beneath(whole, os.path.realpath(os.curdir)) or (environment is not None and environment.holds(whole))
    return None if looked_at or not os.path.isabs(program) else program  # noqa: PTH117


def _asked(command: Sequence[str], where: Place, places: Mapping[str, Place]) -> Iterator[Finding]:
    # What it takes too long for ends with the time of the survey; then the program is ended too.
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)  # noqa: S603
    except OSError as error:
        yield NOT_ASKED.at(where, f"{command[0]} could not be started: {error.strerror}.", key="start")
        return
    try:
        if len(done.stdout) > _LARGEST:
            raise FormatError("its answer is too long")
        answer = strict_json.loads(done.stdout.decode("utf-8"), depth=8, values=1_000_000, what="the answer")
        yield from _told(answer, where, places)
    except (FormatError, UnicodeDecodeError):
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        text = f"{PROGRAM} ended with {done.returncode} and without a list: {shortened(lines[-1], 400)}"
        yield NOT_ASKED.at(where, text, key="answer")


def _told(answer: Json, where: Place, places: Mapping[str, Place]) -> Iterator[Finding]:
    match answer:
        case {"dependencies": [*dependencies]}:
            pass
        case _:
            raise FormatError("the answer has no dependencies")
    skipped: dict[str, str] = {}
    for one in dependencies:
        match one:
            case {"name": str(name), "skip_reason": str(reason)}:
                skipped[shortened(name, 100)] = shortened(reason, 200)
            case {"name": str(name), "version": str(version), "vulns": [*advisories]}:
                release = f"{shortened(name, 100)} {shortened(version, 50)}"
                for advisory in advisories:
                    yield _advisory(release, advisory, places.get(normalized(name), where))
            case _:
                raise FormatError("the answer has a dependency of another form")
    if skipped:
        yield _skipped(skipped, len(dependencies), where)


def _skipped(skipped: Mapping[str, str], of: int, where: Place) -> Finding:
    first = next(iter(skipped.values()))
    if len(skipped) == of:  # as where an index in between knows no advisories
        return NOT_ASKED.at(where, f"{PROGRAM} has looked up none of {of} packages: {first}", key="all skipped")
    names = ", ".join(list(skipped)[:_MOST_NAMED])
    more = f" and {len(skipped) - _MOST_NAMED} more" if len(skipped) > _MOST_NAMED else ""
    text = f"{PROGRAM} has passed over {names}{more}: {first}"
    return NOT_KNOWN.at(where, text, key=" ".join(skipped))


def _advisory(release: str, advisory: Json, place: Place) -> Finding:
    match advisory:
        case {"id": str(name), "fix_versions": [*fixed], "aliases": [*others]}:
            also = ", ".join(shortened(str(other), 40) for other in others[:5])
            known = f"{shortened(name, 40)} ({also})" if also else shortened(name, 40)
            after = " or ".join(shortened(str(version), 40) for version in fixed[:5])
            mend = f"Install {after}." if after else "No release is without it: remove the package, or wait for one."
            return KNOWN_VULNERABLE.at(place, f"{known} names {release}.", key=f"{release} {name}", mend=mend)
        case _:
            raise FormatError("the answer has an advisory of another form")


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]
