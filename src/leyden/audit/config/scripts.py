"""Scripts, files of variables and Dockerfiles, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from leyden.audit.config.commands import Setting, command
from leyden.audit.config.hits import Hit
from leyden.audit.config.images import image
from leyden.audit.config.secrets import token
from leyden.audit.config.variables import variable
from leyden.audit.finding import Budget, LimitError
from leyden.audit.rules.config_containers import ADDS, AS_ROOT
from leyden.audit.rules.config_values import SECRET_IN_IMAGE

_MOST_LINES: Final = 5_000  # that one command may go over
_SLURM: Final = re.compile(r"^#SBATCH\s", re.MULTILINE)
_INSTRUCTION: Final = re.compile(r"\s{0,20}(?P<name>[A-Za-z]{2,12})\s+(?P<rest>.*)", re.DOTALL)
_FROM: Final = re.compile(r"(?:--platform=\S{1,100}\s+)?(?P<image>\S{1,500})(?:\s+[aA][sS]\s+(?P<stage>\S{1,100}))?")
_COPIED: Final = re.compile(r"(?:^|\s)--from=([^\s$]{1,300})(?=\s)")
_SET: Final = re.compile(r"(?P<name>[A-Za-z_]\w{0,80})=(?P<value>\"[^\"\n]{0,4000}\"|'[^'\n]{0,4000}'|\S{0,4000})")
_USED: Final = re.compile(r"\$\{?(?P<name>\w{1,80})(?::-(?P<default>[^}\s]{0,200}))?\}?")
_HEREDOC: Final = re.compile(r"<<-?[\"']?(?P<end>[A-Za-z_]\w{0,40})[\"']?")


def script(text: str, budget: Budget) -> Iterator[Hit]:
    """A shell script, of SLURM or not."""
    yield from token(text, 1)
    setting = Setting(shared=_SLURM.search(text[:20_000]) is not None)
    for line, told in logical(text, budget):
        if not told.lstrip().startswith("#"):
            yield from command(told, line, setting)


def variables(text: str, budget: Budget) -> Iterator[Hit]:
    """A file of NAME=value."""
    yield from token(text, 1)
    for line, told in logical(text, budget):
        name, equals, value = told.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            value = value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] else value.partition(" #")[0]
            yield from variable(name.strip(), value, line)


def dockerfile(text: str, budget: Budget) -> Iterator[Hit]:
    """Instructions in their order."""
    yield from token(text, 1, SECRET_IN_IMAGE)
    setting = Setting(container=True, secrets=SECRET_IN_IMAGE)
    stages: set[str] = set()
    arguments: dict[str, str] = {}
    user: tuple[str, int] = ("", 0)
    for line, told in instructions(text, budget):
        found = _INSTRUCTION.match(told)
        if found is not None and found["name"].upper() == "ONBUILD":
            found = _INSTRUCTION.match(found["rest"])
        if found is None:
            continue
        rest = found["rest"].strip()
        match found["name"].upper():
            case "FROM":
                yield from _from(rest, line, stages, arguments)
                user = ("", 0)
            case "ENV" | "ARG" as name:
                yield from _set(name, rest, line, arguments)
            case "USER":
                user = (rest, line)
            case "ADD":
                if re.search(r"(?:^|\s)(?:https?|ftp)://", rest) and "--checksum=" not in rest:
                    yield Hit(ADDS, "Whoever answers for the address decides what is added.", line)
            case "COPY":
                yield from _copy(rest, line, stages)
            case "RUN" | "CMD" | "ENTRYPOINT" | "HEALTHCHECK" | "SHELL":
                yield from command(_words(rest), line, setting)
            case _:
                continue
    if user[0].partition(":")[0] in ("root", "0"):
        yield Hit(AS_ROOT, "The last stage ends as root.", user[1])


def _from(rest: str, line: int, stages: set[str], arguments: dict[str, str]) -> Iterator[Hit]:
    found = _FROM.match(rest)
    if found is None:
        return
    name = _USED.sub(lambda used: arguments.get(used["name"]) or used["default"] or used[0], found["image"])
    if name.lower() not in stages and name != "scratch" and "$" not in name:
        yield from image(name, line)
    if found["stage"]:
        stages.add(found["stage"].lower())


def _copy(rest: str, line: int, stages: set[str]) -> Iterator[Hit]:
    """``COPY --from=`` of an image that is no stage."""
    found = _COPIED.search(rest)
    if found is not None and found[1].lower() not in stages and not found[1].isdigit():
        yield from image(found[1], line)


def _set(name: str, rest: str, line: int, arguments: dict[str, str]) -> Iterator[Hit]:
    pairs = [(found["name"], found["value"]) for found in _SET.finditer(rest)]
    if not pairs and name == "ENV":  # the older form, with a blank
        first, _, value = rest.partition(" ")
        pairs = [(first, value)]
    for variable_name, value in pairs:
        value = value[1:-1] if value[:1] in ("'", '"') and len(value) > 1 else value
        if name == "ARG":
            arguments[variable_name] = value
        yield from variable(variable_name, value, line, secrets=SECRET_IN_IMAGE)


def _words(rest: str) -> str:
    """A command in the form of a list, as it would be typed."""
    if not rest.startswith("["):
        return rest
    return re.sub(r"\"\s{0,9},\s{0,9}\"", " ", rest.strip("[] \t\n")).strip('"')


def instructions(text: str, budget: Budget) -> Iterator[tuple[int, str]]:
    """Instructions of a Dockerfile, with their lines; of a text that stands in one, each line by itself."""
    end = ""
    for line, told in logical(text, budget, comments=True):
        if end:
            end = "" if told.strip() == end else end
            if end:
                yield line, f"RUN {told}"
            continue
        found = _HEREDOC.search(told)
        if found is not None and told.lstrip()[:4].upper() in ("RUN ", "COPY"):
            end = found["end"] if told.lstrip()[:3].upper() == "RUN" else ""
        yield line, told


def logical(text: str, budget: Budget, comments: bool = False) -> Iterator[tuple[int, str]]:
    """Commands with their first lines: those that end in a backslash go on. ``comments`` may stand between."""
    held: list[str] = []
    first = 1
    for number, line in enumerate(text.split("\n"), 1):
        if number % 1_000 == 0:
            budget.take()
        line = line.rstrip("\r ")
        if held and comments and line.lstrip().startswith("#"):
            held.append("")
            continue
        if not held:
            first = number
        held.append(line.removesuffix("\\"))
        if len(held) > _MOST_LINES:
            raise LimitError(f"it has a command of over {_MOST_LINES:,} lines")
        if line.endswith("\\"):
            continue
        yield first, "\n".join(held)
        held = []
    if held:
        yield first, "\n".join(held)
