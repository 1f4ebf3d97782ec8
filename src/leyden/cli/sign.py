"""``leyden sign``: a detached signature, for those who get the model from elsewhere."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from leyden.cli.command import Command
from leyden.errors import PathError

HELP = "Sign a file or a directory in the format of OpenSSF Model Signing."


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", type=Path, help="the file or directory to sign")
    key = "a private key of a NIST curve as PEM (default: your own for this purpose, made at its first use)"
    parser.add_argument("--key", metavar="PEM", type=Path, help=key)
    parser.add_argument("--signature", metavar="FILE", type=Path, help="where it goes (default: PATH.sig)")
    ignore = "a path in the directory that does not belong to the model; may be repeated"
    parser.add_argument("--ignore", metavar="PATH", action="append", default=[], help=ignore)


def run(options: Namespace) -> int:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # here: slow to import

    from leyden.security import keys, signing
    from leyden.security.paths import replacing

    path: Path = options.path
    target: Path = options.signature or path.with_name(f"{path.resolve().name}.sig")
    if not path.exists():
        raise PathError(f"There is nothing at {path} to sign.")
    key = keys.publisher() if options.key is None else keys.read_publisher(options.key)
    bundle = signing.sign(path, key, [*options.ignore, *inside(path, target)])
    with replacing(target) as stream:
        stream.write(bundle)
    print(f"{target} is the signature of {path}. Whoever has this public key can check it:\n")
    print(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), end="")
    return 0


def inside(path: Path, target: Path) -> list[str]:
    """The name of the signature's own file in the directory, if it lies there."""
    folder, file = path.resolve(), target.resolve()
    return [file.relative_to(folder).as_posix()] if path.is_dir() and file.is_relative_to(folder) else []


SIGN = Command(HELP, arguments, run)
