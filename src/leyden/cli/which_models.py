"""``leyden which-models``: which checkpoints were made where a package was installed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leyden.cli.command import Command
from leyden.cli.mapped import content, identity_argument, printable, walk
from leyden.errors import LeydenError, SettingsError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

MODELS: Final = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth", ".safetensors")  # what other programs load
HELP = "Find the checkpoints that were made where a package, such as a compromised release, was installed."


def arguments(parser: ArgumentParser) -> None:
    package = "a package, with versions or without: lightning==2.6.3, 'torch<2.10'; may be repeated"
    parser.add_argument("--package", metavar="PACKAGE", action="append", required=True, help=package)
    identity_argument(parser)
    places = "where to look (default: the current directory)"
    parser.add_argument("paths", metavar="PATH", type=Path, nargs="*", default=[Path()], help=places)


def run(options: Namespace) -> int:
    """1 if there are any, 2 if something could not be looked at and none was found, else 0."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    from leyden.wire import envelope

    try:
        wanted = [Requirement(text) for text in options.package]
    except InvalidRequirement as error:
        raise SettingsError(f"--package: {error}. Write it as in a list of requirements: lightning==2.6.3") from None
    found = silent = unread = 0
    for path, unlisted in _files(options.paths):
        try:
            if unlisted is not None:
                raise unlisted
            data = content(path, options.identity)
            ours = bytes(data[8 : 8 + len(envelope.PREFIX)]) == envelope.PREFIX
            origin = envelope.read(data, str(path)).origin if ours else None
        except (LeydenError, OSError) as error:
            print(f"{printable(path)}: could not be looked at: {printable(error)}")
            unread += 1
            continue
        if origin is None or origin.packages is None:
            silent += ours or path.suffix.lower() in MODELS
            continue
        for requirement in wanted:
            version, digest = origin.packages.get(canonicalize_name(requirement.name), (None, None))
            if version is not None and _fits(requirement, version):
                made = f"{requirement.name} {version}, RECORD {digest or 'unknown'}, {origin.time}"
                print(f"{printable(path)}: {printable(made)}")
                found += 1
    unseen = f"; {unread} could not be looked at" if unread else ""
    print(f"{found} checkpoints were made with it; {silent} do not say what they were made with{unseen}.")
    return 1 if found else 2 if unread else 0


def _fits(requirement: Requirement, version: str) -> bool:
    """Whether a version is meant. One that is none by the rules is told only where every version is meant."""
    from packaging.version import InvalidVersion

    try:
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return not requirement.specifier


def _files(paths: list[Path]) -> Iterator[tuple[Path, OSError | None]]:
    for path in paths:
        if path.is_dir():
            yield from ((file, error) for file, error in walk(path) if error is not None or not file.is_symlink())
        else:
            yield path, None


WHICH_MODELS = Command(HELP, arguments, run)
