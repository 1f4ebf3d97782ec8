"""``leyden convert``: checkpoints of torch's or Lightning's in Leyden's own format, and back."""

from __future__ import annotations

import mmap
from argparse import ArgumentParser, Namespace
from pathlib import Path

from leyden.cli.command import Command
from leyden.cli.mapped import content
from leyden.errors import EncodeError, FormatError, PathError, SettingsError

HELP = "Write a checkpoint of torch or Lightning in Leyden's format, or one of Leyden's for them. No pickle is run."


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("path", metavar="OLD", type=Path, help="what torch.save, Lightning or Leyden wrote")
    parser.add_argument("out", metavar="NEW", type=Path, help="the file to write, which must not exist")
    to = "the format of NEW: leyden (default), or lightning, which torch.load(weights_only=True) reads, too"
    parser.add_argument("--to", choices=("leyden", "lightning"), default="leyden", help=to)
    allow = "write objects of this class (package.module.Class) down as data; may be repeated"
    parser.add_argument("--allow-class", metavar="NAME", action="append", default=[], help=allow)
    leave = "leave this entry (hyper_parameters.loss) behind, on the way to lightning; may be repeated"
    parser.add_argument("--leave-out", metavar="ENTRY", action="append", default=[], help=leave)
    seal = "seal the new file with your key: you vouch for what is in it, and its objects come back when it is loaded"
    parser.add_argument("--seal", action="store_true", help=seal)


def run(options: Namespace) -> int:
    from leyden.wire.legacy.container import is_pickled

    if options.out.exists() or options.out.is_symlink():
        raise PathError(f"{options.out} is there already. Choose another name.")
    if options.path.is_dir():
        raise PathError(
            f"{options.path} is a directory, as sharded checkpoints are, which are not converted. Make one file of it "
            "with the program that wrote it: python -m lightning.pytorch.utilities.consolidate_checkpoint."
        )
    if not options.path.exists():
        raise PathError(f"There is nothing at {options.path} to convert.")
    pickled = is_pickled(content(options.path))
    if options.to == "leyden" and not pickled:
        raise FormatError(
            f"{options.path} is no pickled file. To write a checkpoint of Leyden's for Lightning, say --to lightning; "
            "else check the path."
        )
    if options.to == "lightning" and pickled:
        raise FormatError(f"{options.path} is a pickled file already, so there is nothing to convert to lightning.")
    if options.to == "lightning" and (options.seal or options.allow_class):
        raise SettingsError("--seal and --allow-class are for files of Leyden's. Leave them out with --to lightning.")
    if options.to == "leyden" and options.leave_out:
        raise SettingsError("--leave-out is for files that others read. Leave it out, or say --to lightning.")
    tensors = _to_lightning(options) if options.to == "lightning" else _to_leyden(options)
    print(f"{options.out}: {tensors} tensors, from {options.path}.")
    return 0


def _to_leyden(options: Namespace) -> int:
    from leyden.checkpoint.convert import to_native
    from leyden.security import keys
    from leyden.security.paths import replacing
    from leyden.wire import envelope

    try:
        encoded = to_native(options.path, options.allow_class)
    except EncodeError as error:
        raise EncodeError(f"{options.path} is left as it is: {error}") from None
    signer = keys.identity() if options.seal else None
    with replacing(options.out) as stream:
        envelope.write(stream, encoded.leaves, encoded.text, signer)
    return len(encoded.leaves)


def _to_lightning(options: Namespace) -> int:
    from leyden.audit.artifacts.source import read_artifact
    from leyden.audit.finding import Budget, File, Finding, Place
    from leyden.checkpoint.convert import to_lightning, write_pickled
    from leyden.security.paths import replacing

    tree = to_lightning(options.path, options.leave_out)
    with replacing(options.out) as stream:
        write_pickled(tree, stream)
        stream.flush()
        written = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        tensors = 0
        for record in read_artifact(File(Place(str(options.out)), written, Budget())):
            if isinstance(record, Finding):
                raise EncodeError(f"What would be written is not clean, so it was not: {record.message}")
            tensors += record.tensors or 0
    return tensors


CONVERT = Command(HELP, arguments, run)
