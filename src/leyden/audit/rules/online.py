"""Rules about what pip-audit answers, which asks the advisory databases of the network."""

from __future__ import annotations

from typing import Final

from leyden.audit.finding import Rule, Severity

KNOWN_VULNERABLE: Final = Rule(
    id="LEY440",
    name="known-vulnerable-online",
    title="An advisory of a public database names an installed or required release",
    severity=Severity.HIGH,
    cwe=1395,
    why="The weakness and often the way to use it are public.",
    mend="Install a release that is not affected, and look at the advisory for what it could have done until now.",
    bad=('{"name": "demo", "version": "1.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.1"]}]}',),
    good=('{"name": "demo", "version": "1.1", "vulns": []}',),
)
NOT_ASKED: Final = Rule(
    id="LEY441",
    name="online-audit-failed",
    title="pip-audit could not be asked",
    severity=Severity.MEDIUM,
    cwe=None,
    why="You asked for advisories of the network, and this audit is without them.",
    mend=(
        "Install it beside leyden (`pip install pip-audit`), see that it reaches the network, or leave `--online` out."
    ),
    blind=True,
    bad=("no program pip-audit", "pip-audit: ConnectionError"),
    good=("pip-audit answers with a list",),
)
NOT_KNOWN: Final = Rule(
    id="LEY442",
    name="unknown-online",
    title="The public databases do not know an installed release",
    severity=Severity.INFO,
    cwe=None,
    why="Builds such as `torch 2.9.0+cpu`, and your own packages, are in no index, so nobody warns of them.",
    mend="For builds of well-known packages, leyden's own list counts; for your own there is nothing to do.",
    bad=('{"name": "demo", "skip_reason": "Dependency not found on PyPI"}',),
    good=('{"name": "demo", "version": "1.1", "vulns": []}',),
)

ONLINE: Final[tuple[Rule, ...]] = (KNOWN_VULNERABLE, NOT_ASKED, NOT_KNOWN)
