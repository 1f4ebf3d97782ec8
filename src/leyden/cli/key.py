"""``leyden key``: the key that seals one's checkpoints, and the keys of others."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from leyden.cli.command import Command

# Keys bring the cryptography package, which is slow to import: each action does it itself, so that others do not wait.

HELP = "Show, renew, trust or revoke the keys that checkpoints are sealed with."


def arguments(parser: ArgumentParser) -> None:
    choices = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    choices.add_parser("new", help="make a new key to seal with; what the one before it has sealed stays trusted")
    choices.add_parser("list", help="show the public keys that you have spoken of, your own first")
    trusted = choices.add_parser("trust", help="believe what a key has sealed; takes a revocation back")
    trusted.add_argument("--name", default="", help="whose key it is, for you to remember")
    revoked = choices.add_parser("revoke", help="refuse what a key has sealed")
    for action in (trusted, revoked):
        action.add_argument("key", help="a public key as ed25519:HEX, or a PEM file that holds one")


def run(options: Namespace) -> int:
    ACTIONS[options.action](options)
    return 0


def new(_: Namespace) -> None:
    from leyden.security import keys

    print(f"{keys.text_of(keys.renew().public)} seals from now on what you save.")


def show(_: Namespace) -> None:
    from leyden.security import keys

    print(f"{keys.text_of(keys.identity().public)}  yours, in use")
    for entry in keys.known():
        print(f"{keys.text_of(entry.public)}  {entry.standing.value} since {entry.since}  {entry.name}".rstrip())


def trust(options: Namespace) -> None:
    from leyden.security import keys

    public = keys.parse(options.key)
    keys.trust(public, _printable(options.name))
    print(f"{keys.text_of(public)} is trusted: objects in what it has sealed are restored.")


def revoke(options: Namespace) -> None:
    from leyden.security import keys

    public = keys.parse(options.key)
    keys.revoke(public)
    print(f"{keys.text_of(public)} is revoked: what it has sealed is refused.")


ACTIONS: dict[str, Callable[[Namespace], None]] = {"new": new, "list": show, "trust": trust, "revoke": revoke}


def _printable(name: str) -> str:
    return "".join(character for character in name if character.isprintable())[:200]


KEY = Command(HELP, arguments, run)
