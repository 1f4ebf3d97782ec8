"""Runs of Leyden's among what is audited: whether their checkpoints are what this machine's records say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leyden.audit.finding import Place, Record, Rule, Survey
from leyden.audit.rules.runs import EDITED, GONE, MOVED, NOT_CHECKED, REFUSED, RUN_NOTE, RUNS
from leyden.errors import LeydenError

if TYPE_CHECKING:
    from leyden.cli.verify_run import Told


def survey(paths: Sequence[str], everything: bool) -> Survey:
    """What ``leyden verify`` says of the runs beneath ``paths``; with ``everything``, their tensors are hashed."""
    return Survey("runs", lambda: look(paths, everything), RUNS)


def look(paths: Sequence[str], everything: bool) -> Iterator[Record]:
    from leyden.cli import verify_run  # here: what it brings is slow to import
    from leyden.security.policy import resolve

    try:
        folders = _folders(paths)
        policy = resolve(None) if folders else None
    except LeydenError as error:
        yield NOT_CHECKED.at(Place(os.curdir), f"The records of runs cannot be used: {error}", key="records")
        return
    for folder in folders:
        assert policy is not None
        found = verify_run.look(folder, policy, digests=everything)
        for told in (*found.problems, *found.unseen):
            yield from _told(told)
        for note in found.notes:
            yield RUN_NOTE.at(Place(str(folder)), note)


def _told(told: Told) -> Iterator[Record]:
    from leyden.cli.verify_run import Kind

    rules: Final[dict[Kind, Rule]] = {
        Kind.BROKEN: REFUSED,
        Kind.MOVED: MOVED,
        Kind.GONE: GONE,
        Kind.EDITED: EDITED,
        Kind.UNSEEN: NOT_CHECKED,
    }
    if (rule := rules.get(told.kind)) is not None:  # files of other programs are looked at as files
        yield rule.at(Place(str(told.path)), f"This {told.what}", key=told.kind.value)


def _folders(paths: Sequence[str]) -> list[Path]:
    """The topmost directories beneath ``paths`` that a run of this machine has written to."""
    from leyden.errors import KeyStoreError
    from leyden.security import ledger

    written: set[Path] = set()
    for path in map(Path, paths):
        base = (path if path.is_dir() else path.parent).resolve()
        for run in ledger.runs_at(base):
            try:
                entries = ledger.read(run) or []
            except KeyStoreError:  # told with the directory itself, which is then looked at as a whole
                written.add(base)
                continue
            written.update(parent for one in entries if (parent := Path(one.path).parent).is_relative_to(base))
    return sorted(one for one in written if not any(one != other and one.is_relative_to(other) for other in written))
