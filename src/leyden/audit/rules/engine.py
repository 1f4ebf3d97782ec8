"""Rules about the audit itself: what could not be looked at, and suppressions that do not hold."""

from __future__ import annotations

from leyden.audit.finding import Rule, Severity

_BLIND = "The audit says nothing about what it could not look at: something hostile can hide exactly there."

UNREADABLE = Rule(
    id="LEY001",
    name="unreadable",
    title="A file or directory could not be read",
    severity=Severity.MEDIUM,
    cwe=None,
    why=_BLIND,
    mend="Run the audit as a user who may read it, or leave it out on purpose with `exclude` in `[tool.leyden.audit]`.",
    blind=True,
)
DAMAGED = Rule(
    id="LEY002",
    name="damaged",
    title="A file is malformed, so not all of it could be looked at",
    severity=Severity.MEDIUM,
    cwe=None,
    why=_BLIND + " A file that breaks off after its payload runs the payload all the same.",
    mend="Take the file from its source again and compare digests; delete it if nobody needs it.",
    blind=True,
)
OVER_LIMIT = Rule(
    id="LEY003",
    name="over-limit",
    title="A file takes more time or memory than one file may",
    severity=Severity.MEDIUM,
    cwe=400,
    why=_BLIND + " Compressed bombs and endless structures stop whoever reads them.",
    mend="If the file is meant to be that large, raise `--seconds`; otherwise delete it.",
    blind=True,
)
READER_FAILED = Rule(
    id="LEY004",
    name="reader-failed",
    title="The auditor itself failed on a file",
    severity=Severity.HIGH,
    cwe=None,
    why=_BLIND + " This is a bug of the auditor, or somebody's attempt to switch it off.",
    mend="Treat the file as hostile until the bug is fixed, and report it with the file's kind and the text shown.",
    blind=True,
)
CHANGED = Rule(
    id="LEY005",
    name="changed-while-read",
    title="A file changed or went away while it was read",
    severity=Severity.MEDIUM,
    cwe=367,
    why=_BLIND + " What was read is not what is there now.",
    mend="Run the audit when nothing writes to these files.",
    blind=True,
)
SPECIAL = Rule(
    id="LEY006",
    name="not-a-file",
    title="A pipe, socket or device lies among the files",
    severity=Severity.INFO,
    cwe=None,
    why="It holds no content that could be audited; a program that opens it in the place of a file may hang.",
    mend="Remove it if nothing uses it.",
)
LINK = Rule(
    id="LEY007",
    name="link-not-followed",
    title="A link leads out of what is audited, or nowhere",
    severity=Severity.INFO,
    cwe=None,
    why="What lies behind it is used by whoever opens the link, and was not looked at here.",
    mend="Name the directory behind the link on the command line too.",
)
SUPPRESSION_EXPIRED = Rule(
    id="LEY010",
    name="suppression-expired",
    title="A suppression has passed its date, so it no longer counts",
    severity=Severity.LOW,
    cwe=None,
    why="Somebody accepted a risk until a day that is now over.",
    mend="Mend what it suppresses, or look at the risk again and set a new date.",
)
SUPPRESSION_UNREASONED = Rule(
    id="LEY011",
    name="suppression-unreasoned",
    title="A suppression gives no reason or no date, so it does not count",
    severity=Severity.LOW,
    cwe=None,
    why="A risk that nobody explained cannot be looked at again, and one without an end is forgotten.",
    mend='Write both: `reason = "…"` and `until = 2027-01-31`.',
)

ENGINE: tuple[Rule, ...] = (
    UNREADABLE,
    DAMAGED,
    OVER_LIMIT,
    READER_FAILED,
    CHANGED,
    SPECIAL,
    LINK,
    SUPPRESSION_EXPIRED,
    SUPPRESSION_UNREASONED,
)
