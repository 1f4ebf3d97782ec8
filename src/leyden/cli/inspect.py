"""``leyden inspect``: what is in a checkpoint, without loading its tensors."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leyden.cli.command import Command
from leyden.cli.mapped import content, identity_argument, printable
from leyden.errors import SealError

if TYPE_CHECKING:
    from leyden.security.policy import Policy

HELP = "Show what is in a checkpoint: sizes, shapes, hyperparameters, progress and seal."
_MOST_SHOWN = 40  # tensors, without --tensors


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "path",
        metavar="FILE",
        type=Path,
        help="a checkpoint of Leyden's, Lightning's or torch's, or any safetensors file",
    )
    parser.add_argument("--tensors", action="store_true", help=f"list every tensor, not only the first {_MOST_SHOWN}")
    identity_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(options: Namespace) -> int:
    from leyden.security.redact import redacted  # here: what it brings is slow to import
    from leyden.wire.legacy.container import is_pickled

    data = content(options.path, options.identity)
    told = _pickled(options.path, data) if is_pickled(data) else _native(options.path, data)
    found = _Found(redacted(told.facts), redacted(told.tree), redacted(told.tensors))
    if options.json:
        json.dump(found.facts | {"tree": _plain(found.tree)}, sys.stdout, indent=1)
        print()
    else:
        tensors = found.tensors if options.tensors else dict(list(found.tensors.items())[:_MOST_SHOWN])
        for line in _shown(found.facts, found.tree, tensors):
            print(line)
    return 0


@dataclass(frozen=True)
class _Found:
    """What is said of a file, its tree, and its tensors by name."""

    facts: dict[str, Any]
    tree: Any
    tensors: Mapping[str, Any]


def _native(path: Path, data: memoryview) -> _Found:
    """A file of Leyden's, or any safetensors file."""
    from leyden.security import keys  # here: what they bring is slow to import
    from leyden.security.policy import admit
    from leyden.wire import envelope
    from leyden.wire.outline import outline, stored

    where = str(path)
    opened = envelope.read(data, where)
    entries = opened.header.entries
    tree = None if opened.tree is None else outline(opened.tree, entries, where)
    tensors = {name: stored(name, entry) for name, entry in entries.items()}
    seal, signer = opened.seal, opened.seal.signer if opened.seal else None
    facts: dict[str, Any] = {
        "file": where,
        "bytes": len(data),
        "format": "leyden" if seal else "safetensors",
        "digest": seal.digest if seal else None,
        "sealed_by": keys.text_of(signer) if signer else None,
        "standing": keys.standing(signer).value if signer else None,
        "refused": _refused(lambda policy: admit(seal, where, policy)),
        "origin": asdict(opened.origin) if opened.origin else None,
        "objects": {},
    }
    return _Found(facts | _listed(tensors), tree, tensors)


def _pickled(path: Path, data: memoryview) -> _Found:
    """A file of torch.save's or Lightning's. Its pickle is interpreted, and its storages are not touched."""
    from leyden.security.policy import admit_pickled
    from leyden.wire.legacy.container import open_saved
    from leyden.wire.legacy.outline import outline_of

    where = str(path)
    saved = open_saved(data, where)
    outline = outline_of(saved, where)
    facts = {"file": where, "bytes": len(data), "format": saved.layout, "digest": None, "sealed_by": None}
    refused = _refused(lambda policy: admit_pickled(where, policy))
    facts |= {"standing": None, "refused": refused, "origin": None, "objects": outline.objects}
    return _Found(facts | _listed(outline.tensors), outline.tree, outline.tensors)


def _listed(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {"tensors": {name: {"dtype": t.dtype, "shape": [*t.shape], "bytes": t.bytes} for name, t in tensors.items()}}


def _shown(facts: Mapping[str, Any], found: Any, tensors: Mapping[str, Any]) -> Iterator[str]:
    total = len(facts["tensors"])
    tree = found if isinstance(found, dict) else {}
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
        if name in tree:
            yield f"  {name:<11} {printable(tree[name])}"
    hyperparameters = tree.get("hyper_parameters")
    if isinstance(hyperparameters, dict):
        yield "  hyperparameters"
        for name, value in hyperparameters.items():
            yield f"    {printable(name)} = {printable(_plain(value))}"
    known = {"epoch", "global_step", "pytorch-lightning_version", "hyper_parameters"}
    if others := [printable(name) for name in tree if name not in known]:
        yield f"  also holds  {', '.join(others)}"
    if objects := facts["objects"]:
        yield "  objects and functions, which are not made of a pickled file"
        for name, place in objects.items():
            yield f"    {printable(name)} at {printable(place)}"
    yield "  tensors"
    for name, tensor in tensors.items():
        yield f"    {printable(name)}  {printable(tensor)}  {tensor.bytes:,} bytes"
    if total > len(tensors):
        yield f"    and {total - len(tensors):,} more: --tensors shows them"


def _refused(ask: Callable[[Policy], None]) -> str | None:
    """Why the policy that counts here keeps programs from reading such a file; to look at it is no harm."""
    from leyden.security.policy import resolve

    try:
        ask(resolve(None))
    except SealError as error:
        return str(error)
    return None


def _standing(standing: str | None) -> str:
    return f" ({standing})" if standing else ""


def _plain(value: Any) -> Any:
    """A tree with text in the place of what JSON lacks."""
    if isinstance(value, dict):
        return {str(name): _plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(member) for member in value]
    return value if isinstance(value, (str, int, float, type(None))) else str(value)


INSPECT = Command(HELP, arguments, run)
