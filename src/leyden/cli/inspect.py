"""``leyden inspect``: what is in a checkpoint, without loading its tensors."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leyden.cli.command import Command
from leyden.cli.mapped import content, identity_argument, printable
from leyden.errors import SealError

if TYPE_CHECKING:
    from leyden.wire.seal import Seal

HELP = "Show what is in a checkpoint: sizes, shapes, hyperparameters, progress and seal."
_MOST_SHOWN = 40  # tensors, without --tensors


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("path", metavar="FILE", type=Path, help="a checkpoint of Leyden's or any safetensors file")
    parser.add_argument("--tensors", action="store_true", help=f"list every tensor, not only the first {_MOST_SHOWN}")
    identity_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(options: Namespace) -> int:
    from leyden.security import keys  # here: what they bring is slow to import
    from leyden.security.redact import redacted
    from leyden.wire import envelope
    from leyden.wire.outline import outline, stored

    where = str(options.path)
    data = content(options.path, options.identity)
    opened = envelope.read(data, where)
    entries = opened.header.entries
    tree = None if opened.tree is None else redacted(outline(opened.tree, entries, where))
    tensors = {name: stored(name, entry) for name, entry in entries.items()}
    seal, signer = opened.seal, opened.seal.signer if opened.seal else None
    facts = {
        "file": where,
        "bytes": len(data),
        "format": "leyden" if seal else "safetensors",
        "digest": seal.digest if seal else None,
        "sealed_by": keys.text_of(signer) if signer else None,
        "standing": keys.standing(signer).value if signer else None,
        "refused": _refusal(seal, where),
        "origin": asdict(opened.origin) if opened.origin else None,
        "tensors": {name: {"dtype": t.dtype, "shape": [*t.shape], "bytes": t.bytes} for name, t in tensors.items()},
    }
    if options.json:
        facts["tree"] = _plain(tree)
        json.dump(facts, sys.stdout, indent=1)
        print()
    else:
        for line in _shown(facts, tree, tensors if options.tensors else dict(list(tensors.items())[:_MOST_SHOWN])):
            print(line)
    return 0


def _shown(facts: Mapping[str, Any], tree: dict[str, Any] | None, tensors: Mapping[str, Any]) -> Iterator[str]:
    total = len(facts["tensors"])
    yield f"{printable(facts['file'])}: {facts['format']}, {facts['bytes']:,} bytes, {total:,} tensors"
    if facts["digest"]:
        yield f"  digest      {facts['digest']}"
        yield f"  sealed by   {facts['sealed_by'] or 'nobody'}{_standing(facts['standing'])}"
    if facts["refused"]:
        yield f"  policy      programs do not read it: {printable(facts['refused'])}"
    if origin := facts["origin"]:
        yield f"  run         {origin['run']}, save {origin['number']}, {printable(origin['time'])}"
        yield f"  code        {printable(origin['code'] or 'unknown')}"
        yield f"  data        {origin['data'] or 'unknown'}"
    for name in ("epoch", "global_step", "pytorch-lightning_version"):
        if tree and name in tree:
            yield f"  {name:<11} {printable(tree[name])}"
    hyperparameters = (tree or {}).get("hyper_parameters")
    if isinstance(hyperparameters, dict):
        yield "  hyperparameters"
        for name, value in hyperparameters.items():
            yield f"    {printable(name)} = {printable(_plain(value))}"
    known = {"epoch", "global_step", "pytorch-lightning_version", "hyper_parameters"}
    if others := [printable(name) for name in tree or {} if name not in known]:
        yield f"  also holds  {', '.join(others)}"
    yield "  tensors"
    for name, tensor in tensors.items():
        yield f"    {printable(name)}  {printable(tensor)}  {tensor.bytes:,} bytes"
    if total > len(tensors):
        yield f"    and {total - len(tensors):,} more: --tensors shows them"


def _refusal(seal: Seal | None, where: str) -> str | None:
    """Why the policy that counts here keeps programs from reading such a file; to look at it is no harm."""
    from leyden.security.policy import admit, resolve

    try:
        admit(seal, where, resolve(None))
    except SealError as error:
        return str(error)
    return None


def _standing(standing: str | None) -> str:
    return f" ({standing})" if standing else ""


def _plain(value: Any) -> Any:
    """A tree with text in the place of what JSON lacks."""
    if isinstance(value, dict):
        return {str(name): _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return value if isinstance(value, (str, int, float, type(None))) else str(value)


INSPECT = Command(HELP, arguments, run)
