"""``leyden convert``: a checkpoint of torch's or Lightning's in Leyden's own format."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from leyden.cli.command import Command
from leyden.errors import EncodeError, PathError

HELP = "Write a pickled checkpoint of torch or Lightning in Leyden's format. Its pickle is interpreted and never run."


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("path", metavar="FILE", type=Path, help="what torch.save or Lightning wrote")
    parser.add_argument("out", metavar="NEW", type=Path, help="the file to write, which must not exist")
    seal = "seal the new file with your key: you vouch for what is in it"
    parser.add_argument("--seal", action="store_true", help=seal)


def run(options: Namespace) -> int:
    from leyden.audit.finding import Budget
    from leyden.audit.fix.convert import Refusals, converted
    from leyden.security import keys
    from leyden.security.paths import replacing
    from leyden.wire import envelope

    if options.out.exists() or options.out.is_symlink():
        raise PathError(f"{options.out} is there already. Choose another name.")
    signer = keys.identity() if options.seal else None
    try:
        with converted(str(options.path), Budget()) as checkpoint, replacing(options.out) as stream:
            envelope.write(stream, checkpoint.encoded.leaves, checkpoint.encoded.text, signer)
    except FileNotFoundError:
        raise PathError(f"There is nothing at {options.path} to convert.") from None
    except Refusals as error:
        raise EncodeError(f"{options.path} is left as it is: {error}.") from None
    print(f"{options.out}: {checkpoint.tensors} tensors, from {options.path}.")
    return 0


CONVERT = Command(HELP, arguments, run)
