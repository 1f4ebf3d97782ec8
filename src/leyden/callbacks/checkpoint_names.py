"""Names of checkpoint files: ``{epoch}-{val/loss:.2f}`` becomes ``epoch=3-val/loss=0.25``, beneath its directory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final

from torch import Tensor

from leyden.errors import PathError, SettingsError

# A metric's name, which may hold anything but these three, and how to write its value.
_FIELD: Final = re.compile(r"\{([^{}:]+)(?::([^{}]*))?\}")


def check_template(argument: str, template: str) -> None:
    """Find out before training whether a template can become a name.

    Raises:
        SettingsError: it has braces that do not match, an unusable format, or leads out of its directory.
    """
    rest = _FIELD.sub("x", template)
    if "{" in rest or "}" in rest:
        raise SettingsError(
            f"{argument}={template!r} has braces that are not a field. A field is a metric's name and perhaps a "
            "format, as in '{epoch:02d}-{val_loss:.2f}'."
        )
    for name, spec in _FIELD.findall(template):
        if not (_fits(0, spec) or _fits(0.0, spec)):
            raise SettingsError(
                f"{argument}={template!r}: {spec!r} is no format for a number, as '.2f' is. Change {{{name}:{spec}}}."
            )
    if _leaves(rest):
        raise SettingsError(
            f"{argument}={template!r} leads out of the directory of the checkpoints. Give the directory as dirpath and "
            "only a name, or a path beneath it, here."
        )


def render(template: str, metrics: Mapping[str, Any], equals: str | None) -> str:
    """The name that a template becomes; a metric that is missing counts as 0.

    Args:
        template: text with fields such as ``{epoch}`` or ``{val_loss:.2f}``.
        metrics: numbers and tensors of one element.
        equals: stands between the name of a metric and its value; None leaves the name out.

    Raises:
        SettingsError: a format does not fit its value.
        PathError: the name would lead out of its directory.
    """

    def written(field: re.Match[str]) -> str:
        name, spec = field[1], field[2] or ""
        value = metrics.get(name, 0)
        number = value.item() if isinstance(value, Tensor) else value
        if not _fits(number, spec):
            raise SettingsError(
                f"The file name {template!r} cannot hold {name}={number!r}: the format {spec!r} does not fit it."
            )
        text = format(number, spec)
        return text if equals is None else f"{name}{equals}{text}"

    name = _FIELD.sub(written, template)
    if _leaves(name):
        raise PathError(
            f"The file name {template!r} became {name!r}, which leads out of its directory. Change the format."
        )
    return name


def last_names(template: str, join: str, extension: str) -> re.Pattern[str]:
    """What the names of last checkpoints look like, with any values of metrics and any version."""
    literal = [re.escape(text) for text in _FIELD.sub("{}", template).split("{}")]
    return re.compile(f"{'.*'.join(literal)}({re.escape(join)}v[0-9]+)?{re.escape(extension)}")


def _fits(value: Any, spec: str) -> bool:
    try:
        format(value, spec)
    except (ValueError, TypeError):
        return False
    return True


def _leaves(name: str) -> bool:
    """Would a path of this name lie elsewhere than beneath its directory, on this system or another?"""
    odd = "\0" in name or "\\" in name or bool(PureWindowsPath(name).drive)
    return odd or name.startswith("/") or ".." in PurePosixPath(name).parts
