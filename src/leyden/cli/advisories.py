"""``leyden advisories``: the list of bad releases that an audit knows without a network."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from leyden.cli.command import Command
from leyden.errors import SealError

if TYPE_CHECKING:
    from leyden.audit.advisories.advisory import Advisory, Catalogue

HELP = "Show, verify or update the list of bad releases that an audit knows without a network."


def arguments(parser: ArgumentParser) -> None:
    parser.set_defaults(package=None)  # where no action is named
    choices = parser.add_subparsers(title="actions", metavar="ACTION", dest="action")
    shown = choices.add_parser("show", help="the date of the list, and what it says about a package")
    shown.add_argument("package", metavar="PACKAGE", nargs="?", help="as in requirements: torch, or torch==2.5.1")
    checked = choices.add_parser("verify", help="whether a maintainer of Leyden has signed the list")
    checked.add_argument("file", metavar="FILE", nargs="?", type=Path, help="another list, with FILE.sig beside it")
    taken = choices.add_parser("update", help="use a newer list from now on, if a maintainer has signed it")
    taken.add_argument("source", metavar="SOURCE", help="a file or an https address; SOURCE.sig is its signature")
    signed = choices.add_parser("sign", help="for maintainers: write FILE.sig")
    signed.add_argument("file", metavar="FILE", type=Path)
    signed.add_argument("--key", metavar="PEM", type=Path, required=True, help="the maintainer's private key")


def run(options: Namespace) -> int:
    return ACTIONS[options.action or "show"](options)


def show(options: Namespace) -> int:
    """1 if something is known about the release that was named, else 0."""
    from leyden.cli.advisories_kept import newest

    kept = newest()
    catalogue = kept.catalogue()
    print(_title(catalogue, kept.path or "the one that this version of Leyden comes with"))
    if kept.wrong:
        print(f"A newer one does not count. {kept.wrong}")
    named = options.package
    if named is None:
        print(f"Packages: {', '.join(sorted({name for one in catalogue.advisories for name in one.packages}))}")
        return 0
    name, _, version = named.partition("==")
    found = catalogue.affecting(name.strip(), version.strip()) if version else catalogue.about(name.strip())
    for one in found:
        _tell(one)
    if not found:
        print(f"Nothing is known about {named}.")
    return 1 if found and version else 0


def verify(options: Namespace) -> int:
    from leyden.audit.advisories.listed import SHIPPED
    from leyden.audit.advisories.signed import verified
    from leyden.cli.advisories_kept import contents, newest

    file = options.file or Path(newest().path or SHIPPED)
    catalogue, public = verified(*contents(file), str(file))
    print(_title(catalogue, str(file)))
    print(f"Signed by ed25519:{public.hex()}, a key of the maintainers.")
    return 0


def update(options: Namespace) -> int:
    from leyden.audit.advisories.signed import SUFFIX, verified
    from leyden.cli.advisories_kept import contents, keep, newest
    from leyden.security.remote import is_url

    source = options.source
    if is_url(source):
        content, line = _fetched(source), _fetched(source + SUFFIX)
    else:
        content, line = contents(Path(source))
    catalogue, _ = verified(content, line, source)
    known = newest().catalogue()
    if catalogue.number < known.number or catalogue.date < known.date:
        raise SealError(
            f"{source} is list {catalogue.number} of {catalogue.date}, and list {known.number} of {known.date} is here "
            "already. An older list would hide what has become known since."
        )
    if catalogue.number == known.number:
        print(f"List {known.number} of {known.date} is here already.")
        return 0
    print(_title(catalogue, str(keep(content, line, catalogue.number))))
    return 0


def sign(options: Namespace) -> int:
    from leyden.audit.advisories import reading
    from leyden.audit.advisories.signed import MAINTAINERS, PURPOSE, SUFFIX
    from leyden.security.keys import identity
    from leyden.security.paths import read_regular, replacing
    from leyden.wire import detached

    content = read_regular(options.file, reading.LARGEST + 1)
    catalogue = reading.parse(content, str(options.file))
    signer = identity({"LEYDEN_KEY": str(options.key)})
    if signer.public not in MAINTAINERS:
        raise SealError(f"{options.key} is no key of the maintainers, so nobody's program would take the list.")
    with replacing(options.file.with_name(options.file.name + SUFFIX)) as stream:
        stream.write(detached.sign(content, PURPOSE, signer))
    print(_title(catalogue, str(options.file)))
    return 0


def _fetched(address: str) -> bytes:
    from leyden.audit.advisories import reading
    from leyden.errors import RemoteError
    from leyden.security import https, remote

    place = remote.parse(address)
    if not isinstance(place, remote.Remote) or place.scheme != remote.HTTPS:
        raise RemoteError(f"{address} is no https address. Download the list and its signature, and name the file.")
    # Naming it on the command line is the leave.
    remote.allow(f"{place.scheme}://{place.host}", largest=reading.LARGEST)
    stream = BytesIO()
    https.fetch(place, stream)
    return stream.getvalue()


def _title(catalogue: Catalogue, where: str) -> str:
    count = len(catalogue.advisories)
    return f"List {catalogue.number} of {catalogue.date}, {count} advisories: {where}"


def _tell(one: Advisory) -> None:
    releases = " or ".join(text or "every release" for text in one.affected)
    mended = f", mended in {one.fixed}" if one.fixed else ""
    print(f"\n{one.id}  {one.kind.value}, {one.severity.name.lower()}  {', '.join(one.packages)} {releases}{mended}")
    print(f"  {one.summary}")
    print(f"  checked: {one.checked}")
    for source in one.sources:
        print(f"  {source}")


ACTIONS: dict[str, Callable[[Namespace], int]] = {"show": show, "verify": verify, "update": update, "sign": sign}
ADVISORIES = Command(HELP, arguments, run)
