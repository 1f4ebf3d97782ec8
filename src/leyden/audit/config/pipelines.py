"""Checks of pipelines: GitHub, GitLab, CircleCI, and hooks before a commit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from typing import Final

from leyden.audit.config.hits import Hit
from leyden.audit.config.images import image
from leyden.audit.config.kinds import Kind
from leyden.audit.config.nodes import Mapping, Real, Scalar, Sequence, target, texts
from leyden.audit.config.pairs import Check, Pair
from leyden.audit.finding import Severity
from leyden.audit.rules import config_pipelines as rules

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_VERSION: Final = re.compile(r"v?\d[\w.+-]{0,60}|[\w./-]{0,60}[@/-]v?\d[\w.+-]{0,60}")
_OWN: Final = ("actions/", "github/")
_STRANGERS_TEXT: Final = re.compile(
    r"\$\{\{[^}]{0,200}?\b(?:github\.head_ref|github\.event\.(?:issue\.(?:title|body)|pull_request\.(?:title|body|head\."
    r"(?:ref|label|repo\.default_branch))|comment\.body|review\.body|review_comment\.body|discussion\.(?:title|body)"
    r"|head_commit\.(?:message|author\.(?:name|email))|commits[^}]{0,40}(?:message|name|email)|workflow_run\.(?:head_branch"
    r"|head_commit\.message|display_title)|pages[^}]{0,40}page_name))[^}]{0,200}\}\}"
)
_COMPARES: Final = re.compile(r"[=!]=|\b(?:contains|startsWith|endsWith)\(")
_CHOOSES: Final = re.compile(r"&&|\|\|")
_PRINTS: Final = re.compile(
    r"\b(?:echo|printf)\s[^|>;&\n]{0,300}\$\{\{\s{0,9}secrets\.\w{1,100}\s{0,9}\}\}[^|>\n]{0,300}$", re.MULTILINE
)
_ALL: Final = re.compile(r"(?i)\$\{\{[^}]{0,200}?\btoJSON\(\s{0,9}secrets\s{0,9}\)")
_HEAD: Final = re.compile(
    r"github\.event\.pull_request\.(?:head\.|number|merge_commit_sha)|github\.head_ref|refs/pull/|github\.event\.workflow_run\.head"
)
_FETCHES: Final = re.compile(
    r"\bgh\s{1,5}pr\s{1,5}checkout\b|\bgit\s{1,5}(?:fetch|checkout|pull|merge)\b[^\n;&|]{0,200}(?:pull/|pull_request\.head\.|head_ref)"
)
_MOVING: Final = re.compile(r"main|master|HEAD|develop|dev|stable|latest")


def uses(pair: Pair) -> Iterator[Hit]:
    """A step's action, or a workflow of another repository."""
    name = pair.text
    if pair.kind is not Kind.WORKFLOW or not name or name.startswith(("./", "../")) or "${{" in name:
        return
    if name.startswith("docker://"):
        for hit in image(name.removeprefix("docker://"), pair.value.line, pair.value.column):
            yield pair.hit(rules.ACTION, hit.message, severity=hit.severity)
        return
    action, _, version = name.partition("@")
    if _COMMIT.fullmatch(version):
        return
    if action.startswith(_OWN):
        yield pair.hit(rules.ACTION, f"`{name[:100]}` is not a commit.", severity=Severity.INFO)
    elif _VERSION.fullmatch(version):
        yield pair.hit(rules.ACTION, f"`{version[:60]}` of `{action[:100]}` can be moved to other code.")
    else:
        text = f"`{action[:100]}` is taken as `{version[:60] or 'its branch'}` is today."
        yield pair.hit(rules.ACTION, text, severity=Severity.MEDIUM)


def checkout(pair: Pair) -> Iterator[Hit]:
    """``ref`` of a checkout where the event gives rights to what a stranger proposes."""
    if pair.kind is Kind.WORKFLOW and pair.path[-1:] == ("with",) and _HEAD.search(pair.text):
        events = _events(pair.root) & {"pull_request_target", "workflow_run"}
        if events:
            text = f"Under `{min(events)}` it has the repository's rights, and gets the proposed code."
            yield pair.hit(rules.STRANGERS, text)


def fetches(pair: Pair) -> Iterator[Hit]:
    """Commands that check out a proposal, where the event gives rights to it."""
    if pair.kind is Kind.WORKFLOW and isinstance(pair.value, Scalar):
        found = _FETCHES.search(pair.text)
        events = _events(pair.root) & {"pull_request_target", "workflow_run"}
        if found is not None and events:
            text = f"Under `{min(events)}` it has the repository's rights, and gets the proposed code."
            yield Hit(rules.STRANGERS, text, inside(pair.value, found.start()))


def injects(pair: Pair) -> Iterator[Hit]:
    """Commands, and scripts of actions/github-script."""
    if pair.kind is Kind.WORKFLOW and isinstance(pair.value, Scalar):
        for found in _STRANGERS_TEXT.finditer(pair.text):
            # What comes out of a comparison alone is true or false.
            if _COMPARES.search(found[0]) and not _CHOOSES.search(found[0]):
                continue
            line = inside(pair.value, found.start())
            yield Hit(rules.INJECTION, f"`{found[0][:100]}` is put in before the command is read.", line)


def shows(pair: Pair) -> Iterator[Hit]:
    if pair.kind is Kind.WORKFLOW and isinstance(pair.value, Scalar):
        found = _PRINTS.search(pair.text)
        if found is not None:
            yield Hit(rules.SHOWN, "The secret goes to the log.", inside(pair.value, found.start()))


def all_secrets(pair: Pair) -> Iterator[Hit]:
    """``toJSON(secrets)`` anywhere."""
    if pair.kind is Kind.WORKFLOW and isinstance(pair.value, Scalar):
        found = _ALL.search(pair.text)
        if found is not None:
            line = inside(pair.value, found.start())
            yield Hit(rules.ALL_SECRETS, "It has all secrets of the repository.", line)


def inherits(pair: Pair) -> Iterator[Hit]:
    """``secrets: inherit`` for a workflow of another repository."""
    if pair.kind is Kind.WORKFLOW and pair.text == "inherit" and not pair.owner.text("uses").startswith("./"):
        yield pair.hit(rules.ALL_SECRETS, "Another repository's workflow gets all secrets.")


def permissions(pair: Pair) -> Iterator[Hit]:
    if pair.kind is Kind.WORKFLOW and pair.text == "write-all":
        yield pair.hit(rules.TOKEN, "`write-all` is every right that there is.")


def runner(pair: Pair) -> Iterator[Hit]:
    own = [item for item in texts(pair.value) if item.text == "self-hosted"]
    events = _events(pair.root) & {"pull_request", "pull_request_target"}
    if pair.kind is Kind.WORKFLOW and own and events:
        yield pair.hit(rules.RUNNER, f"The job runs for `{min(events)}` on a runner of your own.", own[0])


def includes(pair: Pair) -> Iterator[Hit]:
    """``include`` of GitLab."""
    if pair.kind is not Kind.GITLAB:
        return
    for item in pair.value.items if isinstance(pair.value, Sequence) else (pair.value,):
        node = target(item)
        address = node.text("remote") if isinstance(node, Mapping) else node.text if isinstance(node, Scalar) else ""
        if address.startswith(("https://", "http://")):
            yield pair.hit(rules.INCLUDES, f"Whoever answers for `{address[:100]}` decides.", node)
        elif isinstance(node, Mapping) and node.text("project"):
            ref = node.text("ref")
            if not ref or _MOVING.fullmatch(ref):
                yield pair.hit(rules.INCLUDES, f"`{node.text('project')[:100]}` is taken as its branch is today.", node)


def orbs(pair: Pair) -> Iterator[Hit]:
    if pair.kind is Kind.CIRCLECI and isinstance(pair.value, Mapping):
        for name, value in pair.value.named():
            if isinstance(value, Scalar) and value.text.endswith(("@volatile", "@dev:first")):
                yield pair.hit(rules.INCLUDES, f"`{name.text[:60]}` is whatever version there is.", value)


def revision(pair: Pair) -> Iterator[Hit]:
    """``rev`` of pre-commit."""
    if pair.kind is Kind.PRE_COMMIT and _MOVING.fullmatch(pair.text):
        yield pair.hit(rules.INCLUDES, f"`{pair.text[:60]}` is a branch of `{pair.owner.text('repo')[:100]}`.")


def inside(node: Scalar, at: int) -> int:
    """The line of a position in a node's text: exact where the text keeps its lines."""
    line = node.line + (1 if node.block else 0) + node.text.count("\n", 0, at)
    return min(line, max(node.last_line, node.line))


def _events(root: Real) -> frozenset[str]:
    on = root.get("on") if isinstance(root, Mapping) else None
    return on.keys() if isinstance(on, Mapping) else frozenset(item.text for item in texts(on))


KEYS: Final[AnyMapping[str, Check]] = {
    "uses": uses,
    "ref": checkout,
    "permissions": permissions,
    "secrets": inherits,
    "runs-on": runner,
    "include": includes,
    "orbs": orbs,
    "rev": revision,
}
