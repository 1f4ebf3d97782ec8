"""Compare the list of bad releases with a copy of PyPI's advisory database, one file for each advisory.

    git clone https://github.com/pypa/advisory-database
    python -m benchmarks.audit.advisories advisory-database/vulns

Prints what differs: a range that the database does not have, an advisory that it has withdrawn, and what it knows about
the packages of the list that the list does not speak of. A person decides: the list holds what runs code, writes or
leaks, and its summaries are its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from leyden.audit.advisories.advisory import Advisory, Kind
from leyden.audit.advisories.listed import listed
from leyden.audit.advisories.ranges import affects, parsed

Entry = dict[str, Any]


def entries(folder: Path, package: str) -> Iterator[Entry]:
    """What the database says about a package; drafts without a number are left out."""
    for path in sorted((folder / package).glob("PYSEC-[1-9]*.yaml")):
        yield yaml.safe_load(path.read_text(encoding="utf-8"))


def names(entry: Entry) -> set[str]:
    return {entry["id"], *entry.get("aliases", ())}


def releases(entry: Entry, package: str) -> set[str]:
    return {version for one in entry["affected"] if one["package"]["name"] == package for version in one["versions"]}


def differences(one: Advisory, package: str, entry: Entry) -> Iterator[str]:
    if "withdrawn" in entry:
        yield "withdrawn"
    for version in sorted(releases(entry, package)):
        release = parsed(version)
        if release is not None and not affects(one, release):
            yield f"{version} is affected, says the database"
    if one.fixed and one.fixed in releases(entry, package):
        yield f"{one.fixed} is not fixed, says the database"


def main(folder: Path) -> int:
    wrong = 0
    known = listed()
    for package in sorted({name for one in known.advisories for name in one.packages}):
        found = list(entries(folder, package))
        spoken = set()
        for one in known.about(package):
            ours = {one.id, *one.aliases}
            spoken |= ours
            for entry in (entry for entry in found if names(entry) & ours and one.kind is not Kind.BY_POLICY):
                for difference in differences(one, package, entry):
                    print(f"{package} {one.id}: {difference}")
                    wrong += 1
        left = [entry for entry in found if not names(entry) & spoken and "withdrawn" not in entry]
        if left:
            print(f"{package}: not in the list: {', '.join(sorted(entry['id'] for entry in left))}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
