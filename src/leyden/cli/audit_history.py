"""``leyden audit --save``: the history of the project's audits, and the audit at hand beside it."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from leyden.cli.audit_surveys import files_alone

if TYPE_CHECKING:
    from leyden.audit.engine import Orders
    from leyden.audit.finding import Finding, Severity
    from leyden.audit.history import Entry, Scope
    from leyden.audit.report import Report

FOLDER: Final = ".leyden/audit"  # below the directory that the audit runs in
NAME: Final = "history.jsonl"
# Options that change what is looked at or what counts, beside paths, severity and patterns.
_OPTIONS: Final = ("all", "no_suppress", "no_environment", "deep", "runs", "host", "online")


@final
@dataclass(frozen=True)
class Past:
    """The audits that were saved here, and which of them the one at hand is like."""

    root: str
    scope: Scope
    entries: tuple[Entry, ...]
    found: frozenset[str] | None  # fingerprints of all that the last one found, if there was one like it
    advisories: str  # as in Orders

    def is_new(self, finding: Finding) -> bool:
        return self.found is not None and finding.fingerprint not in self.found

    def compared(self, report: Report) -> Report:
        """``report`` with its comparison, where there is something to compare it with."""
        from leyden.audit.comparison import compare

        return replace(report, comparison=compare(report, self.entries, self.scope))

    def save(self, report: Report) -> None:
        """Add the report to the history; what another process has added meanwhile stays."""
        from leyden.audit import history
        from leyden.audit.advisories.listed import listed
        from leyden.audit.git import revision
        from leyden.security.paths import alone, beneath, private_directory, replacing, write_all

        entry = history.entry(report, self.scope, revision(self.root), listed(self.advisories).date)
        path = private_directory(beneath(Path(self.root), FOLDER)) / NAME
        with alone(path.parent):
            entries = [*_read(Path(self.root)), entry]
            with replacing(path) as stream:
                write_all(stream, history.dumps(entries))
        print(f"Saved in {FOLDER}/{NAME}.", file=sys.stderr)


def look_back(options: Namespace, orders: Orders, threshold: Severity) -> Past | None:
    """The history of this directory; None where there is none and none is wanted.

    An audit of what changed is like none before it. With --no-suppress nothing in the project may say that a finding
    is an old one, so its history counts only for those who keep it.
    """
    if options.since is not None:
        return None
    if not options.save and (options.no_suppress or not os.path.lexists(f"{FOLDER}/{NAME}")):
        return None
    from leyden.audit.comparison import found
    from leyden.audit.history import Scope, scope_paths

    names = [name.replace("_", "-") for name in _OPTIONS if vars(options)[name]]
    names += ["files-alone"] if files_alone(options) else []
    names += [f"environment={os.path.realpath(options.environment)}"] if options.environment else []
    exclude = tuple(sorted(orders.exclude))
    scope = Scope(scope_paths(orders.paths, orders.root), threshold, exclude, tuple(sorted(names)))
    entries = tuple(_read(Path(orders.root)))
    return Past(orders.root, scope, entries, found(entries, scope), orders.advisories)


def _read(root: Path) -> list[Entry]:
    from leyden.audit.history import LARGEST, loads
    from leyden.security.paths import beneath, read_regular

    path = beneath(root, f"{FOLDER}/{NAME}")
    try:
        content = read_regular(path, LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return loads(content, str(path))
