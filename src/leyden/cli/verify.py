"""``leyden verify``: whether a checkpoint is what was saved, and a model what was signed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leyden.cli.command import Command
from leyden.cli.mapped import content, identity_argument, printable
from leyden.cli.sign import inside
from leyden.errors import FormatError, PathError, SealError

if TYPE_CHECKING:
    from leyden.wire.envelope import Envelope
    from leyden.wire.origin import Origin

_MOST_TOLD: Final = 40  # files
HELP = "Check checkpoints against their digests, seals and the record of their run, or a model against a signature."


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "path", metavar="PATH", type=Path, help="a checkpoint or a directory of them; with --signature, any"
    )
    parser.add_argument("--signature", metavar="FILE", type=Path, help="a signature by leyden sign or model_signing")
    parser.add_argument("--key", metavar="PEM", type=Path, help="the public key that the signature has to be of")
    policy = "whose checkpoints are accepted: open, default or strict (default: default)"
    parser.add_argument("--policy", metavar="LEVEL", help=policy)
    identity_argument(parser)
    data = "the data that they were trained on: whether it is still the same, and which files differ"
    parser.add_argument("--data", metavar="PATH", type=Path, help=data)
    ignore = "a path in the directory that may be there without a signature; may be repeated"
    parser.add_argument("--ignore", metavar="PATH", action="append", default=[], help=ignore)


def run(options: Namespace) -> int:
    if (options.signature is None) != (options.key is None):
        raise SealError("A signature is checked against a key: give both --signature and --key.")
    if not options.path.exists():
        raise PathError(f"There is nothing at {options.path} to check.")
    if options.signature is not None:
        model(options)
    elif options.path.is_dir():
        return directory(options)
    else:
        return checkpoint(options)
    return 0


def checkpoint(options: Namespace) -> int:
    """Every digest of a checkpoint, and whose seal it has."""
    from leyden.security import keys  # here: what they bring is slow to import
    from leyden.security.policy import admit, resolve
    from leyden.wire import envelope

    where = str(options.path)
    data = content(options.path, options.identity)
    opened = envelope.read(data, where)
    if opened.seal is None:
        raise FormatError(f"{where} was not written by Leyden: it has no digests and no seal to check.")
    admit(opened.seal, where, resolve(options.policy))
    envelope.check_digests(opened, data, where)
    print(f"{where}: {len(opened.header.entries)} tensors and the tree are what was saved ({len(data):,} bytes).")
    if opened.seal.signer is None:
        print("Nobody has sealed it.")
    else:
        print(f"Sealed by {keys.text_of(opened.seal.signer)}: {_MEANING[keys.standing(opened.seal.signer).value]}.")
    said = compare_record(options.path, opened)
    same = compare_data(options.data, [opened.origin]) if options.data is not None else 0
    return 1 if 1 in (said, same) else same


def compare_record(path: Path, opened: Envelope) -> int:
    """Whether the record of this machine says that another checkpoint was written in this place; 1 if it does."""
    from leyden.cli.records import Records
    from leyden.security import keys
    from leyden.security.keys import Standing

    assert opened.seal is not None
    records = Records.of(path.parent)
    for place, what in records.edited.items():
        print(f"{printable(place)}: {printable(what)}")
    there, signer = records.at(path), opened.seal.signer
    if there is None or there[1].digest == opened.seal.digest:
        return 1 if records.edited else 0
    own = signer is not None and keys.standing(signer) in (Standing.OWN, Standing.TRUSTED)
    found = records.difference(opened.seal.digest, opened.origin if own else None, path)
    print(f"{printable(path)} {found.text}")
    return 1 if found.wrong else 0


def directory(options: Namespace) -> int:
    """Every checkpoint in a directory: whole, sealed, and where its run wrote it.

    The answer is 1 if one is not, and else 2 if there is something that could not be looked at, or nothing at all.
    """
    from leyden.cli.verify_run import look
    from leyden.security.policy import resolve

    found = look(options.path, resolve(options.policy), options.identity)
    for one in found.whole:
        origin = f"save {one.origin.number} of run {one.origin.run}, step {one.origin.step}" if one.origin else ""
        print(f"{printable(one.path)}: whole. {origin}".rstrip())
    for told in (*found.problems, *found.unseen):
        print(f"{printable(told.path)} {printable(told.what)}")
    for note in found.notes:
        print(printable(note))
    unseen = f"; {len(found.unseen)} could not be looked at" if found.unseen else ""
    print(f"{len(found.whole)} checkpoints are whole; {len(found.problems)} problems{unseen}.")
    if not (found.whole or found.problems or found.unseen):
        raise PathError(f"There is no checkpoint in {options.path}. Name the directory that they were saved to.")
    same = compare_data(options.data, [one.origin for one in found.whole]) if options.data is not None else 0
    return 1 if found.problems or same == 1 else 2 if found.unseen else same


def compare_data(path: Path, origins: Sequence[Origin | None]) -> int:
    """Whether the data is what checkpoints were trained on; 1 if it is other data, 2 if none of them says."""
    from leyden.security import manifest

    named = Counter(origin.data for origin in origins if origin is not None and origin.data is not None)
    if not named:
        print(f"None of them says what data it was trained on, so {printable(path)} was not compared.")
        return 2
    now = manifest.manifest(path, cached=False)
    for digest, count in named.items():
        if digest == now.digest:
            print(f"{printable(path)}: {len(now.files)} files are what {count} checkpoints were trained on.")
            continue
        before = manifest.load(digest)
        print(f"{printable(path)} is not what {count} checkpoints were trained on (manifest {digest}).")
        if before is None:
            print("This machine does not have that manifest, so which files differ is not known.")
            continue
        told = before.differences(now)
        for line in told[:_MOST_TOLD]:
            print(f"  {printable(line)}")
        if len(told) > _MOST_TOLD:
            print(f"  and {len(told) - _MOST_TOLD:,} more")
    return 0 if set(named) == {now.digest} else 1


def model(options: Namespace) -> None:
    """Every file of a model against a detached signature."""
    from leyden.security import keys, signing

    content = options.signature.read_bytes()
    ignore = [*options.ignore, *inside(options.path, options.signature)]
    signed = signing.verify(options.path, content, keys.read_public(options.key), ignore)
    files = "1 file is" if len(signed.files) == 1 else f"{len(signed.files)} files are"
    print(f"{options.path}: {files} what was signed as {signed.name!a}.")
    if signed.ignored:
        print(f"The signer left out, so they may hold anything: {', '.join(map(ascii, signed.ignored))}")


_MEANING = {
    "own": "your own key",
    "trusted": "a key that you trust",
    "revoked": "a key that you have revoked",
    "unknown": "a key that you have said nothing about",
}

VERIFY = Command(HELP, arguments, run)
