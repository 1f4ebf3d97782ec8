"""A report with everything that a hostile file could put into one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from tests.audit.marks import BAD, MILD

from leyden.audit import history
from leyden.audit.comparison import compare
from leyden.audit.finding import Accepted, Artifact, Finding, Place, Severity
from leyden.audit.history import Scope
from leyden.audit.report import Report
from leyden.audit.rules.engine import DAMAGED
from leyden.audit.rules.every import RULES

HOSTILE = "\x1b[2J\x07</script><script>alert(1)</script>&\"'\u202e\u2028\udcff\n\r|`]](x"
PLACE = Place("/work tree/models/a#b?.pt", ("archive/data.pkl",))


def report(*findings: Finding, artifacts: tuple[Artifact, ...] = (), threshold: Severity = Severity.LOW) -> Report:
    return Report(
        findings=findings,
        artifacts=artifacts,
        rules={**RULES, BAD.id: BAD, MILD.id: MILD},
        paths=(".",),
        root="/work tree",
        files=3,
        bytes=5_000,
        started=datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc),
        seconds=1.25,
        threshold=threshold,
        left_out=("/work tree/.git",),
    )


def compared() -> Report:
    """The full one beside an audit that found half of it, and what is gone since."""
    found, scope = full(), Scope((".",), Severity.LOW)
    gone = replace(BAD.at(Place(HOSTILE), ""), fingerprint=f"{99:032x}:1")
    before = replace(found, findings=(*found.findings[:2], gone), started=found.started - timedelta(days=2))
    entries = [history.entry(one, scope, "", found.started.date()) for one in (full(), before)]
    return replace(found, comparison=compare(found, entries, scope))


def full() -> Report:
    accepted = replace(BAD.at(Place("/work tree/b.py").at_line(7), "Twice."), accepted=Accepted("inline", HOSTILE))
    known = replace(BAD.at(Place("/elsewhere/c.py"), "Before."), accepted=Accepted("baseline", "found before"))
    findings = (
        BAD.at(PLACE.at_byte(12), "It says BAD.", snippet="os.system('x')\n" * 10),
        accepted,
        known,
        BAD.at(Place(HOSTILE, (HOSTILE,), line=2, column=3, last_line=4), HOSTILE, snippet=HOSTILE, mend=HOSTILE),
        MILD.at(Place("/work tree/b.py").at_line(1), "It says MILD."),
        DAMAGED.at(Place("/work tree/d"), "Its end is missing."),
    )
    numbered = (replace(finding, fingerprint=f"{number:032x}:1") for number, finding in enumerate(findings))
    model = Artifact(PLACE, "torch-zip", 4_000, "pytorch", 2, 12, ("F32", "I64"), {"license": "MIT"}, "ab" * 32)
    odd = Artifact(Place(HOSTILE, (HOSTILE,)), HOSTILE, 9, HOSTILE, properties={HOSTILE: HOSTILE})
    return report(*numbered, artifacts=(model, odd))
