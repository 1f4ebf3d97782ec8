"""pyproject.toml and Pipfile: what the project, its groups and its build ask for, by each of the common tools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leyden.audit.config.from_toml import parse_toml
from leyden.audit.config.nodes import Mapping, Node, Scalar, Sequence, target
from leyden.audit.dependencies.declared import Declared, Option, Requirement, Style, Trouble, requirement
from leyden.audit.dependencies.foreign import from_poetry
from leyden.audit.finding import Budget

_SCRIPT: Final = "# /// script"
_REVISIONS: Final = ("rev", "ref", "tag", "branch")
_URLS: Final = ("url", "file")


def read_pyproject(text: str, budget: Budget) -> Declared:
    declared, root = _parsed(Style.LIBRARY, text, budget)
    if root is None:
        return declared
    lines = _Lines(text)
    project = _inner(root, "project")
    _listed(declared, project and project.get("dependencies"), lines)
    for tables in (_inner(root, "project", "optional-dependencies"), _inner(root, "dependency-groups")):
        for _, value in tables.named() if tables else ():
            _listed(declared, value, lines)
    build = _inner(root, "build-system")
    _listed(declared, build and build.get("requires"), lines)
    _poetry(declared, root)
    _uv(declared, root, lines)
    pdm = _inner(root, "tool", "pdm", "dev-dependencies")
    for _, value in pdm.named() if pdm else ():
        _listed(declared, value, lines)
    for tool in ("poetry", "pdm"):
        _sources(declared, _inner(root, "tool", tool), "source")
    return declared


def read_script(text: str, budget: Budget) -> Declared:
    """The block ``# /// script`` of a program, by PEP 723."""
    rows = text.split("\n")
    start = next((number for number, row in enumerate(rows) if row.rstrip() == _SCRIPT), len(rows))
    inner = []
    for row in rows[start + 1 :]:
        if row.rstrip() == "# ///" or not row.startswith("#"):
            break
        inner.append(row.removeprefix("#").removeprefix(" "))
    # The lines before it as empty ones, so that each line has its number.
    block = "\n" * (start + 1) + "\n".join(inner)
    declared, root = _parsed(Style.REQUIREMENTS, block, budget)
    if root is not None:
        lines = _Lines(block)
        _listed(declared, root.get("dependencies"), lines)
        _uv(declared, root, lines)
    return declared


def read_pipfile(text: str, budget: Budget) -> Declared:
    declared, root = _parsed(Style.REQUIREMENTS, text, budget)
    if root is None:
        return declared
    for section in ("packages", "dev-packages"):
        _tables(declared, _inner(root, section))
    _sources(declared, root, "source")
    return declared


def _parsed(style: Style, text: str, budget: Budget) -> tuple[Declared, Mapping | None]:
    declared = Declared(style)
    parsed = parse_toml(text, budget)
    declared.troubles += [Trouble(one.message, one.line) for one in parsed.troubles if one.kind == "malformed"]
    root = parsed.documents[0] if parsed.documents else None
    return declared, root if isinstance(root, Mapping) else None


def _poetry(declared: Declared, root: Mapping) -> None:
    poetry = _inner(root, "tool", "poetry")
    if poetry is None:
        return
    for section in ("dependencies", "dev-dependencies"):
        _tables(declared, _inner(poetry, section))
    groups = _inner(poetry, "group")
    for _, group in groups.named() if groups else ():
        if isinstance(group, Mapping):
            _tables(declared, _inner(group, "dependencies"))


def _uv(declared: Declared, root: Mapping, lines: _Lines) -> None:
    uv = _inner(root, "tool", "uv")
    if uv is None:
        return
    for name in ("dev-dependencies", "constraint-dependencies", "override-dependencies"):
        _listed(declared, uv.get(name), lines)
    for name in ("index-url", "extra-index-url", "index-strategy", "find-links"):
        for option in _texts(uv.get(name)):
            # uv asks the extra index first, and takes a name from one index alone.
            declared.options.append(Option(name.replace("extra-", ""), option.text, option.line))
    _sources(declared, uv, "index")
    sources = _inner(uv, "sources")
    for package, value in sources.named() if sources else ():
        for one in value.items if isinstance(value, Sequence) else (value,):
            if isinstance(found := target(one), Mapping) and (url := _reference(found)):
                declared.requirements.append(
                    Requirement(package.text, "", package.line, f"{package.text} @ {url}", url)
                )


def _sources(declared: Declared, table: Mapping | None, name: str) -> None:
    listed = table.get(name) if table else None
    for item in listed.items if isinstance(listed, Sequence) else ():
        if isinstance(one := target(item), Mapping):
            if one.text("url"):
                declared.options.append(Option("index-url", one.text("url"), one.line))
            if isinstance(checked := one.get("verify_ssl"), Scalar) and checked.is_false:
                declared.options.append(Option("trusted-host", one.text("url"), checked.line))


def _tables(declared: Declared, table: Mapping | None) -> None:
    """Dependencies as Poetry and Pipenv write them: a name, and a range or a table."""
    for name, value in table.named() if table else ():
        if name.text == "python":
            continue
        first = target(value.items[0]) if isinstance(value, Sequence) and value.items else value
        match first:
            case Scalar() as scalar:
                wanted, url, local = scalar.text, "", False
            case Mapping() as inner:
                wanted, url, local = inner.text("version"), _reference(inner), inner.get("path") is not None
            case _:
                continue
        text = f"{name.text} {wanted or url}".strip()
        declared.requirements.append(Requirement(name.text, from_poetry(wanted), name.line, text, url, local=local))


def _listed(declared: Declared, node: Node | None, lines: _Lines) -> None:
    """Dependencies in a list, each by PEP 508. A table in it includes another group, which is read by itself."""
    for scalar in _texts(node):
        line = lines.of(scalar.text, scalar.line)
        found = requirement(scalar.text, line)
        if found is None:
            declared.troubles.append(Trouble(f"`{scalar.text[:60]}` is no dependency by PEP 508.", line))
        else:
            declared.requirements.append(found)


def _reference(table: Mapping) -> str:
    """Where a table says that a package is taken from, as pip would be told."""
    for name in _URLS:
        if url := table.text(name):
            return url
    git = table.text("git")
    if not git:
        return ""
    revision = next((text for name in _REVISIONS if (text := table.text(name))), "")
    return f"git+{git}@{revision}" if revision else f"git+{git}"


def _inner(root: Mapping, *names: str) -> Mapping | None:
    found: Node | None = root
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _texts(node: Node | None) -> Iterator[Scalar]:
    found = target(node)
    for item in found.items if isinstance(found, Sequence) else (found,):
        if isinstance(one := target(item), Scalar):
            yield one


class _Lines:
    """Where a text of a list stands: TOML's reader knows only where the list begins."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._from: dict[tuple[int, str], int] = {}

    def of(self, text: str, start: int) -> int:
        """The line at or after ``start`` that holds ``text`` in quotes; ``start`` where none of the next 1,000 does."""
        begin = self._from.get((start, ""), start)
        for number in range(begin, min(begin + 1_000, len(self._lines) + 1)):
            line = self._lines[number - 1]
            if f'"{text}"' in line or f"'{text}'" in line:
                self._from[(start, "")] = number
                return number
        return start
