"""Checks of commands: one logical line of a shell after the other, wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, final

from leyden.audit.code.secrets import is_placeholder, is_secret_name
from leyden.audit.config import containers
from leyden.audit.config.hits import Hit
from leyden.audit.config.images import image
from leyden.audit.config.patterns import PATTERNS
from leyden.audit.config.secrets import address, under_name
from leyden.audit.config.variables import variable
from leyden.audit.finding import Rule, Severity
from leyden.audit.rules.config_commands import PIPED
from leyden.audit.rules.config_containers import PRIVILEGED
from leyden.audit.rules.config_values import SECRET, SECRET_ARGUMENT

_LONGEST: Final = 8_000  # characters that are looked at together
_OVERLAP: Final = 1_000


@final
@dataclass(frozen=True)
class Setting:
    """Where a command is run."""

    container: bool = False  # where all interfaces are those of the container
    shared: bool = False  # on a machine with accounts of others: SLURM
    secrets: Rule = SECRET


_ENGINE: Final = re.compile(r"\b(?:docker|podman|nerdctl)\s(?:[^|;&]{0,200}\s)?(?:run|create)\s")
_OPTION: Final = re.compile(
    r"(?<=\s)(--(?:pid|ipc|network|net|cap-add|volume|publish)|-[vp])[ =][\"']?([^\s\"']{1,300})"
)
_ASSIGNED: Final = re.compile(
    r"(?<![\w.$/?&{-])(?P<name>[A-Za-z_]\w{1,80})=(?P<value>\"[^\"\n]{0,4000}\"|'[^'\n]{0,4000}'|[^\s;&|\"'()<>]{0,4000})"
)
_ARGUMENT: Final = re.compile(
    r"(?<=\s)--(?P<name>[A-Za-z][\w-]{1,60})[ =](?P<value>\"[^\"]{1,400}\"|'[^']{1,400}'|[^\s;&|\"']{1,400})"
)
_LOGIN: Final = re.compile(
    r"\b(?:wandb|comet)\s{1,5}login\s{1,5}(?:--\S{1,40}\s{1,5}){0,3}(?P<value>[\w$\"'{}]{4,200})"
)
_PASSWORD: Final = re.compile(
    r"\b\w{1,40}:(?P<root>[^\s'\"|:]{4,100})['\"]?\s{0,5}\|\s{0,5}(?:sudo\s{1,5})?chpasswd\b"
    r"|\bmachine\s{1,5}\S{1,100}\s{1,5}login\s{1,5}\S{1,100}\s{1,5}password\s{1,5}(?P<machine>[^\s'\"\\]{8,200})"
)
_IMAGE: Final = re.compile(
    r"(?:--container-image[ =][\"']?(?:docker://)?|\bdocker://)(?P<name>[\w.:@/#-]{1,300}(?<!\.sqsh))(?=[\s\"']|$)"
)
_SAVED: Final = re.compile(
    r"\s(?:-[a-zA-Z]{0,8}[oO]|--output|--output-document)[ =](?P<name>[\w./~-]{1,100})(?=[\s;&])"
)
_COMPARED: Final = re.compile(r"\b(?:sha(?:1|224|256|384|512)sum|md5sum|shasum|gpg|cosign|openssl)\b")
_MOST_SAVED: Final = 20
_PRIVILEGED: Final = re.compile(r"\s--privileged(?=\s|$|=true)")
_VARIABLE: Final = re.compile(r"\$\{?\w")
_NAMED: Final = re.compile(r"\w{1,80}=")  # the name of a variable, whose value is looked at by itself
_KEY: Final = re.compile(r"[A-Za-z0-9_]{32,100}")


def command(text: str, line: int, setting: Setting) -> Iterator[Hit]:
    """What is wrong with one command, which begins on ``line`` and may go over several."""
    for at in range(0, len(text), _LONGEST):
        yield from _part(text[at : at + _LONGEST + _OVERLAP], line + text.count("\n", 0, at), setting)


def _part(text: str, line: int, setting: Setting) -> Iterator[Hit]:
    for pattern in PATTERNS:
        found = pattern.regex.search(text) if any(word in text for word in pattern.beside) else None
        if found is not None and not (setting.container and pattern.outside):
            severity = pattern.inside if setting.container and pattern.inside is not None else pattern.severity
            yield Hit(pattern.rule, pattern.message, _line(text, line, found.start()), severity=severity)
    if "docker" in text or "podman" in text or "nerdctl" in text:
        yield from _engine(text, line)
    yield from _images(text, line)
    yield from _saved(text, line)
    if "=" in text:
        yield from _assignments(text, line, setting)
    yield from _given(text, line, setting)
    for number, one in enumerate(text.split("\n"), line):
        yield from address(one, number, rule=setting.secrets)


def _line(text: str, first: int, at: int) -> int:
    """The line of a position in a command of several lines."""
    return first + text.count("\n", 0, at)


def _engine(text: str, first: int) -> Iterator[Hit]:
    """``docker run`` and its options."""
    started = _ENGINE.search(text)
    if started is None:
        return
    mighty = _PRIVILEGED.search(text, started.start())
    if mighty is not None:
        message = "The container has all rights of the machine's administrator."
        yield Hit(PRIVILEGED, message, _line(text, first, mighty.end()))
    for found in _OPTION.finditer(text, started.start()):
        option, value = found[1], found[2]
        line = _line(text, first, found.start())
        match option:
            case "--pid" | "--ipc" | "--network" | "--net" if value == "host":
                yield from containers.shares({"--net": "network"}.get(option, option[2:]), line)
            case "--cap-add":
                yield from containers.capability(value, line)
            case "-v" | "--volume" if value.startswith(("/", "~", "$")):
                yield from containers.mounted(value.partition(":")[0], line, value.endswith(":ro"))
            case "-p" | "--publish":
                yield from containers.published(value, line, text)
            case _:
                continue


def _images(text: str, first: int) -> Iterator[Hit]:
    """Images of SLURM's containers and of Apptainer."""
    for found in _IMAGE.finditer(text) if "--container-image" in text or "docker://" in text else ():
        # pyxis writes # between the registry and the name.
        yield from image(found["name"].replace("#", "/"), _line(text, first, found.start()))


def _saved(text: str, first: int) -> Iterator[Hit]:
    """A download that is run from its file, with no digest in between."""
    if ("curl" not in text and "wget" not in text) or _COMPARED.search(text):
        return
    for found in islice(_SAVED.finditer(text), _MOST_SAVED):
        name = re.escape(found["name"])
        run = re.compile(
            rf"(?:\b(?:ba|z|da)?sh\s{{1,5}}(?:-\w{{1,5}}\s{{1,5}}){{0,3}}|[;&]\s{{0,5}})(?:\./)?{name}(?=[\s;&|]|$)"
        )
        if run.search(text, found.end()):
            message = f"`{found['name'][:60]}` is run as the address answered it."
            yield Hit(PIPED, message, _line(text, first, found.start()), severity=Severity.LOW)


def _assignments(text: str, first: int, setting: Setting) -> Iterator[Hit]:
    for found in _ASSIGNED.finditer(text):
        name, value = found["name"], found["value"]
        value = value[1:-1] if value[:1] in ("'", '"') and len(value) > 1 else value
        inner = _ASSIGNED.match(value)  # Environment="NAME=value" of systemd, --export=ALL,NAME=value of SLURM
        if inner is not None:
            name, value = inner["name"], inner["value"]
        yield from variable(name, value, _line(text, first, found.start()), secrets=setting.secrets)


def _given(text: str, first: int, setting: Setting) -> Iterator[Hit]:
    """Secrets that are given as arguments."""
    for found in _ARGUMENT.finditer(text) if "--" in text else ():
        name, value = found["name"].replace("-", "_"), found["value"].strip("\"'")
        line = _line(text, first, found.start())
        if under_name(name, value) and _NAMED.match(value) is None:
            message = f"The value of `--{found['name'][:60]}` stands in the command."
            yield Hit(setting.secrets, message, line, secret=value)
        elif setting.shared and is_secret_name(name) and _VARIABLE.match(value):
            yield Hit(SECRET_ARGUMENT, f"`--{found['name'][:60]}` can be seen by everybody on the node.", line)
    for found in _PASSWORD.finditer(text) if "chpasswd" in text or "machine" in text else ():
        value = found["root"] or found["machine"]
        if not is_placeholder(value) and "$" not in value:
            line = _line(text, first, found.start())
            yield Hit(setting.secrets, "A password stands in the command.", line, secret=value)
    for found in _LOGIN.finditer(text) if "login" in text else ():
        value, line = found["value"].strip("\"'"), _line(text, first, found.start())
        if _KEY.fullmatch(value):
            yield Hit(setting.secrets, "The key stands in the command.", line, secret=value)
        elif setting.shared and _VARIABLE.match(value):
            yield Hit(SECRET_ARGUMENT, "The key can be seen by everybody on the node.", line)


_WORDS: Final = {word for pattern in PATTERNS for word in pattern.beside if len(word) > 3}
TELLING: Final = "|".join(sorted(map(re.escape, (*_WORDS, "docker", "podman", "wandb", "comet"))))
