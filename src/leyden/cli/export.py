"""``leyden export``: what may be published of a checkpoint."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from leyden.cli.command import Command
from leyden.cli.mapped import identity_argument, printable

HELP = "Write the weights and chosen hyperparameters of a checkpoint for others: signed, and nothing else in it."
_MOST_SHOWN = 20  # names


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("path", metavar="CHECKPOINT", type=Path, help="a checkpoint of Leyden's; may be encrypted")
    parser.add_argument("out", metavar="OUT", type=Path, help="the directory to make, which must not exist")
    hparam = "a hyperparameter to publish; may be repeated (default: none)"
    parser.add_argument("--hparam", metavar="NAME", action="append", default=[], help=hparam)
    prefix = "take only the weights whose names begin with this, and take it off: net."
    parser.add_argument("--prefix", metavar="PREFIX", default="", help=prefix)
    key = "a private key of a NIST curve as PEM, to sign with (default: your own for this purpose)"
    parser.add_argument("--key", metavar="PEM", type=Path, help=key)
    identity_argument(parser)
    policy = "whose checkpoints are accepted: open, default or strict (default: default)"
    parser.add_argument("--policy", metavar="LEVEL", help=policy)


def run(options: Namespace) -> int:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # here: slow to import

    from leyden.checkpoint.export import CONFIG, MODEL, SIGNATURE, export
    from leyden.security import keys
    from leyden.security.encryption import Encryption

    key = keys.publisher() if options.key is None else keys.read_publisher(options.key)
    exported = export(
        options.path,
        options.out,
        hparams=options.hparam,
        prefix=options.prefix,
        key=key,
        encryption=Encryption(keys=options.identity) if options.identity else None,
        policy=options.policy,
    )
    print(f"{printable(options.out / MODEL)}: {len(exported.tensors)} tensors.")
    for name, why in list(exported.left_out.items())[:_MOST_SHOWN]:
        print(f"  left out: {printable(name)}, which {why}")
    if len(exported.left_out) > _MOST_SHOWN:
        print(f"  and {len(exported.left_out) - _MOST_SHOWN} more")
    print(f"{printable(options.out / CONFIG)}: {', '.join(map(printable, exported.hparams)) or 'no hyperparameters'}.")
    print("Nothing private was found in them by the audit and by a search for secrets, paths and names.")
    print(f"{printable(options.out / SIGNATURE)} is the signature. Whoever has this public key can check it:\n")
    print(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), end="")
    return 0


EXPORT = Command(HELP, arguments, run)
