"""Everything that a document, a script or a Dockerfile says, held against the tables of checks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import replace
from typing import Final

from leyden.audit.code.secrets import BEGINNINGS, WORDS
from leyden.audit.config import commands, containers, pipelines, scripts, values, variables
from leyden.audit.config.building import Parsed
from leyden.audit.config.commands import Setting
from leyden.audit.config.documents import LARGEST, decoded, parse
from leyden.audit.config.hits import Hit
from leyden.audit.config.kinds import Kind, kind
from leyden.audit.config.nodes import Mapping, Node, Scalar, Sequence, target, texts, walk
from leyden.audit.config.pairs import Check, Pair
from leyden.audit.config.secrets import token
from leyden.audit.config.shapes import Shape, suffix
from leyden.audit.finding import Budget, File, Finding, Rule, Severity
from leyden.audit.rules import config_values as rules


def _merged(*tables: AnyMapping[str, Check]) -> AnyMapping[str, tuple[Check, ...]]:
    merged: dict[str, tuple[Check, ...]] = {}
    for table in tables:
        for name, check in table.items():
            merged[name] = (*merged.get(name, ()), check)
    return merged


KEYS: Final = _merged(values.KEYS, containers.KEYS, pipelines.KEYS)
# Under these names stand commands: as one text, as many, or as the words of one.
_SCRIPTS: Final = frozenset(
    ["run", "script", "before_script", "after_script", "commands", "bash", "inlineScript", "setup", "setup_commands",
     "initialization_commands", "head_setup_commands", "worker_setup_commands", "head_start_ray_commands",
     "worker_start_ray_commands", "postCreateCommand", "postStartCommand", "onCreateCommand"]
)  # fmt: skip
_WORDS: Final = frozenset(("command", "args", "entrypoint", "cmd", "runArgs"))
_VARIABLES: Final = frozenset(("env", "environment", "args", "environment_variables", "build_args"))
_TROUBLES: Final[AnyMapping[str, Rule]] = {
    "cycle": rules.ALIASES,
    "bomb": rules.ALIASES,
    "duplicate": rules.TWICE,
    "malformed": rules.UNPARSED,
}
_STRONG: Final = (
    rb"_target_|class_path|eval:|trust_remote_code|weights_only|auto_map|attn_implementation"
    rb"|python/(?:object|name|module)"
)
_RECORDS: Final = 20
_LARGEST_JSON: Final = 512 << 10  # bytes; vocabularies and annotations are longer, what people write is not
_STRONG_ONLY: Final = re.compile(_STRONG)
# A document without any of these has nothing to find. One after the other they are faster than all in one.
_TELLING: Final = (
    _STRONG_ONLY,
    re.compile(variables.TELLING.encode()),
    re.compile(BEGINNINGS.encode()),
    re.compile(rb"://[^\s/:@]{1,100}:[^\s/@]{1,100}@"),
    re.compile(rb"verify|insecure|%TAG|ServerApp|NotebookApp|IdentityProvider"),
    # Letters that are written as numbers: nobody does that who has nothing to hide.
    re.compile(rb"\\(?:u00|x|U000000)(?:2[eE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF])"),
)
_SECRETS: Final = re.compile(rf"{WORDS}[\"'\]\s]{{0,40}}[=:]".encode())
# JSON is data more often than not, so there the value has to look like a secret as well.
_SECRETS_JSON: Final = re.compile(
    rf'{WORDS}[\w.-]{{0,40}}"\s{{0,20}}(?::\s{{0,20}}"(?=[^"]{{0,200}}[0-9\\])[^"\s]{{8,4000}}"|,\s{{0,20}}"value")'.encode()
)
_MEANT: Final = frozenset((*KEYS, *_SCRIPTS, *_WORDS, *_VARIABLES))
_TELLING_YAML: Final = re.compile(
    rf"!!|!<|![a-z]+/|\*\w|\b(?:{'|'.join(map(re.escape, sorted(_MEANT)))})\b|{commands.TELLING}".encode()
)
_MANIFEST: Final = re.compile(rb'"apiVersion"')


def findings(file: File, shape: Shape) -> Iterator[Finding]:
    """What is wrong with a file of configuration; LimitError where it cannot be looked at."""
    if shape is Shape.DOCUMENT and not _worth(file):
        return
    text = decoded(file.data)
    match shape:
        case Shape.DOCUMENT:
            hits = _document(file, parse(file.name, text, file.budget), text)
        case Shape.DOCKERFILE:
            hits = scripts.dockerfile(text, file.budget)
        case Shape.SCRIPT:
            hits = scripts.script(text, file.budget)
        case Shape.VARIABLES:
            hits = _kept(file, scripts.variables(text, file.budget))
    yield from _placed(file, hits, text)


def _kept(file: File, hits: Iterator[Hit]) -> Iterator[Hit]:
    """Such a file is where secrets belong, as long as only its owner reads it."""
    private = os.name == "posix" and not file.mode & 0o077
    for hit in hits:
        yield replace(hit, severity=Severity.INFO) if private and hit.rule is rules.SECRET else hit


def _worth(file: File) -> bool:
    """Whether a document can have anything to find. What is long and names nothing dangerous is data."""
    data = file.data
    if b"\0" in bytes(data[:64]):  # in an encoding in which no word would be found
        return len(data) <= LARGEST
    if len(data) > (_LARGEST_JSON if suffix(file.name) == ".json" else LARGEST):
        return _STRONG_ONLY.search(data) is not None
    by_name = _SECRETS_JSON if suffix(file.name) in (".json", ".jsonc") else _SECRETS
    if any(telling.search(data) is not None for telling in (*_TELLING, by_name)):
        return True
    # JSON is full of such words; a manifest and the settings of a container say what they are.
    by_keys = suffix(file.name) in (".yaml", ".yml") or "devcontainer" in file.name or _MANIFEST.search(data)
    return bool(by_keys) and _TELLING_YAML.search(data) is not None


def _placed(file: File, hits: Iterator[Hit], text: str) -> Iterator[Finding]:
    """Findings with the lines that they stand on, each once, without the secrets in them."""
    told: dict[tuple[str, int, str], Hit] = {}
    for hit in hits:
        told.setdefault((hit.rule.id, hit.line, "" if hit.secret else hit.message), hit)
        if len(told) > file.budget.limits.findings:
            break
    if not told:
        return
    lines = text.split("\n")
    hidden: dict[int, set[str]] = {}
    for hit in told.values():
        if hit.secret:
            hidden.setdefault(hit.line, set()).add(hit.secret)
    for hit in told.values():
        snippet = lines[hit.line - 1].strip() if hit.line <= len(lines) else ""
        for secret in sorted(hidden.get(hit.line, ()), key=len, reverse=True):
            # One that is written in another way, by escapes, is not shown at all.
            snippet = snippet.replace(secret, "…") if secret in snippet else ""
        place = file.place.at_line(hit.line, hit.column, hit.last_line)
        yield hit.rule.at(place, hit.message, snippet=snippet, severity=hit.severity)


def _document(file: File, parsed: Parsed, text: str) -> Iterator[Hit]:
    for trouble in parsed.troubles:
        message = trouble.message
        if trouble.kind == "malformed":
            message = f"Not all of it was looked at: {message}."
        yield Hit(_TROUBLES[trouble.kind], message, trouble.line, trouble.column)
    for root in parsed.documents:
        yield from _tree(root, kind(file.place.path, root), file.budget)
    if any(trouble.kind == "malformed" for trouble in parsed.troubles):
        yield from token(text, 1)


def _tree(root: Node, kind: Kind, budget: Budget) -> Iterator[Hit]:
    whole = target(root)
    if whole is None:
        return
    seen: set[tuple[str, int]] = set()
    # A table of records is data: a `token` in each of them is how they refer to one another.
    records = isinstance(whole, Sequence) and len(whole.items) > _RECORDS
    secrets = None if records else rules.SECRET
    yield from values.tags(whole)
    for at, (path, node) in enumerate(walk(root)):
        if at % 1_000 == 0:
            budget.take()
        if isinstance(node, Mapping):
            yield from _named(node)
            for key, value in node.named():
                name = key.text
                if isinstance(value, Scalar):
                    yield from variables.variable(name, value.text, value.line, value.column, secrets)
                # What many aliases stand for is looked at once for each name that means something.
                known = (name if name in _MEANT else "", id(value))
                if known not in seen:
                    seen.add(known)
                    yield from _pair(Pair(key, value, node, path, kind, whole), budget)
        elif isinstance(node, Scalar) and not path:
            yield from token(node.text, node.line)


def _pair(pair: Pair, budget: Budget) -> Iterator[Hit]:
    name = pair.key.text
    for check in KEYS.get(name, ()):
        yield from check(pair)
    if isinstance(pair.value, Scalar):
        yield from pipelines.all_secrets(pair)
        yield from values.evaluated(pair)
    if name in _VARIABLES:
        for item in texts(pair.value):
            variable, equals, value = item.text.partition("=")
            if equals:
                yield from variables.variable(variable, value, item.line, item.column)
    if name in _SCRIPTS or name in _WORDS:
        yield from _commands(pair, budget)
    for item in texts(pair.value):
        yield from (
            replace(hit, line=min(hit.line, max(item.line, item.last_line))) for hit in token(item.text, item.line)
        )


def _named(node: Mapping) -> Iterator[Hit]:
    """``{name: …, value: …}``, as Kubernetes writes variables."""
    value = node.get("value")
    name = node.text("name")
    if name and isinstance(value, Scalar):
        yield from variables.variable(name, value.text, value.line, value.column)


def _commands(pair: Pair, budget: Budget) -> Iterator[Hit]:
    setting = Setting(container=pair.kind is not Kind.PLAIN)
    if isinstance(pair.value, Scalar):
        yield from pipelines.injects(pair)
        yield from pipelines.fetches(pair)
        yield from pipelines.shows(pair)
        yield from _lines(pair.value, setting, budget)
    elif pair.key.text in _WORDS:
        words = [*texts(pair.value)]
        start = "docker run " if pair.key.text == "runArgs" else ""
        if words:
            yield from commands.command(
                start + " ".join(word.text.replace("\n", " ") for word in words), words[0].line, setting
            )
        for word in words:
            if "\n" in word.text:
                yield from _lines(word, setting, budget)
    else:
        for item in texts(pair.value):
            yield from _lines(item, setting, budget)


def _lines(node: Scalar, setting: Setting, budget: Budget) -> Iterator[Hit]:
    first, last = node.line + (1 if node.block else 0), max(node.last_line, node.line)
    for number, told in scripts.logical(node.text, budget):
        if not told.lstrip().startswith("#"):
            for hit in commands.command(told, first + number - 1, setting):
                yield replace(hit, line=min(hit.line, last))
