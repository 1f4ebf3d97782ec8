"""Read a checkpoint: bytes become data by a schema, and tensors are the file itself, mapped."""

from __future__ import annotations

import functools
import logging
import mmap
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from leyden.checkpoint.adapters import adapters
from leyden.checkpoint.content import Source, content
from leyden.checkpoint.enums import ENUMS
from leyden.checkpoint.fill import Incompatible, fill
from leyden.checkpoint.legacy import interpreted
from leyden.checkpoint.lightning import CALLBACKS, DESCRIBED, as_checkpoint, version_of
from leyden.checkpoint.objects import describing, restoring
from leyden.checkpoint.placement import MapLocation, one_device
from leyden.checkpoint.tensors import FROM_NATIVE, Fetch
from leyden.checkpoint.trust import is_own
from leyden.errors import FormatError
from leyden.security.encryption import Encryption
from leyden.security.policy import Policy, admit, admit_pickled, resolve
from leyden.wire import envelope
from leyden.wire.envelope import Envelope
from leyden.wire.legacy.container import is_pickled
from leyden.wire.origin import Origin
from leyden.wire.safetensors import Entry
from leyden.wire.seal import Seal
from leyden.wire.tree import decode
from leyden.wire.values import Adapter

__all__ = ["Incompatible", "MapLocation", "Report", "Source", "fill", "load", "load_weights", "verify"]

_log = logging.getLogger("leyden")


@final
@dataclass(frozen=True)
class Loaded:
    """A checkpoint: its tree, its seal, and what it says of its origin. Pickled files have neither of these."""

    tree: dict[str, Any]
    seal: Seal | None
    origin: Origin | None

    @property
    def digest(self) -> str | None:
        """That of the header, which covers all of the file."""
        return None if self.seal is None else self.seal.digest


@final
@dataclass(frozen=True)
class Report:
    """What ``verify`` found in a file that is whole. ``digest`` is that of the header, which covers everything."""

    digest: str
    tensors: int
    bytes: int


def load(
    path: Source,
    *,
    map_location: MapLocation = None,
    verify: bool = True,
    mapped: bool = True,
    policy: Policy | str | None = None,
    encryption: Encryption | None = None,
    describe: Collection[str] = (),
) -> dict[str, Any]:
    """The tree that ``save`` wrote, with equal values and types. Nothing is unpickled, imported or run.

    Objects of the program's own classes come back from files that are known to be the user's own, if their digests are
    verified. In any other file they are a TrustError, or ``Unrestored`` in the entries of the tree that ``describe``
    names.

    Checkpoints of Lightning's and of torch.save are read too, by interpreting their pickle; they have no digests. What
    older versions of Lightning called otherwise has its present name.

    Tensors are on the CPU unless ``map_location`` says otherwise. They lie in a private mapping of the file, whose
    pages are read as they are used: they may be written to, which the file does not see, and the file may be replaced
    or deleted, but not overwritten in place; ``mapped=False`` reads all of it into memory instead, as happens to a file
    that others may write to. ``policy`` says whose files are read: SealError names the rule that a file breaks.
    ``encryption`` opens an encrypted file, or the files of keys that LEYDEN_AGE_IDENTITIES names.
    """
    return read(
        path,
        map_location=map_location,
        verify=verify,
        mapped=mapped,
        policy=policy,
        encryption=encryption,
        describe=describe,
    ).tree


def read(
    path: Source,
    *,
    map_location: MapLocation = None,
    verify: bool = True,
    mapped: bool = True,
    policy: Policy | str | None = None,
    encryption: Encryption | None = None,
    describe: Collection[str] = (),
    restore: bool = True,
) -> Loaded:
    """What ``load`` answers, with what the file says of itself; without ``restore``, objects are only described."""
    data, where = content(path, mapped, encryption)
    if is_pickled(memoryview(data)):
        return Loaded(_pickled_checkpoint(data, where, map_location, resolve(policy), describe), None, None)
    opened = _open(data, where, verify, policy)
    if opened.tree is None:
        raise FormatError(f"{where} holds tensors alone and is not a checkpoint. Read it with load_weights.")
    assert opened.seal is not None
    own = restore and verify and is_own(opened.seal)
    objects = restoring() if own else describing(where, describe)
    tree = _tree(data, opened, opened.tree, where, map_location, objects, identity=own)
    if opened.origin is None:  # no run of Leyden's wrote it: it was converted
        tree = as_checkpoint(tree, where)
    return Loaded(tree, opened.seal, opened.origin)


def load_weights(
    path: Source,
    *,
    map_location: MapLocation = None,
    verify: bool = True,
    mapped: bool = True,
    policy: Policy | str | None = None,
    encryption: Encryption | None = None,
) -> dict[str, Tensor]:
    """Tensors by name: what ``save_weights`` wrote, or any safetensors file or file of torch.save, without digests."""
    data, where = content(path, mapped, encryption)
    if is_pickled(memoryview(data)):
        return _weights(_pickled_checkpoint(data, where, map_location, resolve(policy), ()), where)
    opened = _open(data, where, verify, policy)
    fetch = _fetch(data, opened, where, map_location)
    if opened.tree is None:
        return {name: tensor for name in opened.header.entries if (tensor := fetch(name)) is not None}
    return _weights(_tree(data, opened, opened.tree, where, map_location, describing(where, ())), where)


def _weights(tree: dict[str, Any], where: str) -> dict[str, Tensor]:
    for name, value in tree.items():
        if not isinstance(value, Tensor):
            raise FormatError(
                f"{where} is a checkpoint: it holds {name[:200]!r}, which is no tensor. Read it with load."
            )
    return tree


def verify(path: str | os.PathLike[str], *, encryption: Encryption | None = None) -> Report:
    """Read every byte of a checkpoint and compare; DigestError names the first tensor that is not what was saved."""
    data, where = content(path, mapped=True, encryption=encryption)
    opened = _open(data, where, verify=True, policy=Policy.OPEN)
    if opened.seal is None:
        raise FormatError(f"{where} was not written by Leyden: it has no digests to compare with.")
    return Report(opened.seal.digest, len(opened.header.entries), len(data))


def _pickled_checkpoint(
    data: mmap.mmap | bytearray, where: str, map_location: MapLocation, policy: Policy, describe: Collection[str]
) -> dict[str, Any]:
    """A checkpoint of torch's or Lightning's. Where objects may be left out, so may those that callbacks have kept."""
    admit_pickled(where, policy)
    more = (*DESCRIBED, CALLBACKS) if describe else ()
    tree = as_checkpoint(interpreted(data, where, map_location, (*describe, *more)), where)
    version = version_of(tree)
    _log.info(
        "%s is a pickled file%s. It was interpreted as data: nothing in it was run.",
        where,
        "" if version is None else f" of Lightning {version}",
    )
    return tree


def _open(data: mmap.mmap | bytearray, where: str, verify: bool, policy: Policy | str | None) -> Envelope:
    view = memoryview(data)
    opened = envelope.read(view, where)
    admit(opened.seal, where, resolve(policy))
    if verify:
        envelope.check_digests(opened, view, where)
    return opened


def _tree(
    data: mmap.mmap | bytearray,
    opened: Envelope,
    text: str,
    where: str,
    map_location: MapLocation,
    objects: tuple[Adapter, ...],
    identity: bool = False,
) -> dict[str, Any]:
    entries = opened.header.entries
    view = memoryview(data)
    blobs = {name: view[entry.start : entry.stop] for name, entry in entries.items() if entry.dtype == "U8"}
    known = (*adapters(_fetch(data, opened, where, map_location)), *objects)
    tree, used = decode(text, blobs, known, ENUMS, where, identity=identity)
    unused = entries.keys() - used
    if unused:
        raise FormatError(f"{where}: {len(unused)} tensors belong to nothing, such as {min(unused)[:200]!r}.")
    return tree


def _fetch(data: mmap.mmap | bytearray, opened: Envelope, where: str, map_location: MapLocation) -> Fetch:
    """Each tensor once, however often it is asked for: tied weights stay tied."""
    device = one_device(map_location)

    @functools.cache
    def fetch(name: str) -> Tensor | None:
        entry = opened.header.entries.get(name)
        if entry is None:
            return None
        tensor = _tensor(data, name, entry, where)
        return tensor if device is None else tensor.to(device)

    return fetch


def _tensor(data: mmap.mmap | bytearray, name: str, entry: Entry, where: str) -> Tensor:
    dtype = FROM_NATIVE.get(entry.dtype)
    if dtype is None:
        raise FormatError(f"{where}: tensor {name[:200]!r} has the dtype {entry.dtype}, which torch does not have.")
    count = (entry.stop - entry.start) // dtype.itemsize
    if count == 0:
        return torch.empty(entry.shape, dtype=dtype)
    tensor = torch.frombuffer(data, dtype=dtype, count=count, offset=entry.start).reshape(entry.shape)
    if dtype is torch.bool and tensor.view(torch.uint8).max() > 1:
        raise FormatError(f"{where}: tensor {name[:200]!r} holds a truth value that is neither 0 nor 1.")
    # Other programs' files need not be aligned; torch's arithmetic relies on it.
    return tensor.clone() if tensor.data_ptr() % dtype.itemsize else tensor
