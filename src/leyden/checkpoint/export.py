"""What may be published of a checkpoint: weights and chosen hyperparameters, signed, and nothing that is private."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from leyden.checkpoint.content import content
from leyden.checkpoint.private import check_clean, check_hyperparameters
from leyden.checkpoint.sealing import signer
from leyden.errors import EncodeError, FormatError, MismatchError, PathError, SettingsError
from leyden.security import keys, signing
from leyden.security.encryption import Encryption
from leyden.security.paths import private_directory, remove, replacing, set_aside
from leyden.security.policy import Policy, admit, resolve
from leyden.security.signing import PrivateKey
from leyden.wire import envelope
from leyden.wire.envelope import Envelope, Leaf
from leyden.wire.outline import Other, Stored, outline
from leyden.wire.safetensors import BITS, size_of
from leyden.wire.tree import Encoded, encode
from leyden.wire.values import Adapter

MODEL: Final = "model.safetensors"
CONFIG: Final = "config.json"
SIGNATURE: Final = "model.sig"
_STATE: Final = "state_dict"
_HYPERPARAMETERS: Final = "hyper_parameters"


@final
@dataclass(frozen=True)
class Exported:
    """What was written: the tensors by name, the hyperparameters, and what of the weights was left out and why."""

    tensors: tuple[str, ...]
    hparams: Mapping[str, Any]
    left_out: Mapping[str, str]


def export(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    hparams: Sequence[str] = (),
    prefix: str = "",
    key: PrivateKey | None = None,
    encryption: Encryption | None = None,
    policy: Policy | str | None = None,
) -> Exported:
    """Write what may be published of a checkpoint to a new directory ``out``.

    It gets ``model.safetensors``, which any program for safetensors reads; ``config.json`` with the hyperparameters
    that are named, and no others; and ``model.sig``, a signature of both in the format of OpenSSF Model Signing.
    Nothing else leaves: no optimizer, callbacks, paths, or names of the run. Tensors that share memory are written one
    by one. All of it is searched before it takes its name: by the auditor, and for secrets, paths, the user's name and
    what the checkpoint says of its origin.

    Args:
        path: a checkpoint of Leyden's, which may be encrypted, or a file of weights.
        out: the directory, which must not exist.
        hparams: names of hyperparameters to publish.
        prefix: take only the weights whose names begin with this, and take it off, as in ``"net."``.
        key: signs the model; by default the user's own for this purpose, made at its first use.
        encryption: opens an encrypted checkpoint.
        policy: see ``leyden.Policy``.

    Raises:
        PublicationError: something in it is private.
        PathError: there is something at ``out``.
        CheckpointError: the checkpoint is damaged, another program's, or holds no such weights or hyperparameters.
    """
    target = Path(out)
    if os.path.lexists(target):
        raise PathError(f"{target} is there already. Choose another name.")
    data, where = content(path, True, encryption)
    view = memoryview(data)
    opened = envelope.read(view, where)
    if opened.seal is None or opened.tree is None:
        raise FormatError(f"{where} is no checkpoint of Leyden's. Convert it first: leyden convert.")
    admit(opened.seal, where, resolve(policy))
    envelope.check_digests(opened, view, where)
    tree = outline(opened.tree, opened.header.entries, where)
    chosen = _chosen(tree, hparams, where)
    check_hyperparameters(chosen)
    encoded, left_out = _weights(tree, opened, view, prefix, where)
    key = keys.publisher() if key is None else key
    staging = private_directory(target.absolute().parent / f".{secrets.token_hex(8)}.leyden-tmp")
    try:
        with replacing(staging / MODEL) as stream:
            envelope.write(stream, encoded.leaves, encoded.text, signer())
        with replacing(staging / CONFIG) as stream:
            stream.write((json.dumps(chosen, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
        bundle = signing.sign(staging, key, [SIGNATURE], target.name)
        with replacing(staging / SIGNATURE) as stream:
            stream.write(bundle)
        check_clean(staging, (MODEL, CONFIG), opened.origin)
        set_aside(staging, target.name)
    except BaseException:
        remove(staging)
        raise
    return Exported(tuple(encoded.leaves), chosen, left_out)


def _chosen(tree: Mapping[str, Any], names: Iterable[str], where: str) -> dict[str, Any]:
    there = tree.get(_HYPERPARAMETERS)
    known: Mapping[Any, Any] = there if isinstance(there, dict) else {}
    chosen = {}
    for name in names:
        if name not in known:
            has = ", ".join(sorted(map(str, known))) or "none"
            raise SettingsError(f"{where} has no hyperparameter {name!r}. It has: {has[:500]}.")
        chosen[name] = _plain(known[name], name)
    return chosen


def _plain(value: Any, name: str) -> Any:
    """A value as JSON has it."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case list():
            return [_plain(member, name) for member in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {key: _plain(member, f"{name}.{key}") for key, member in value.items()}
        case _:
            raise EncodeError(f"The hyperparameter {name} is {value}, which JSON lacks. Leave it out.")


def _weights(
    tree: Mapping[str, Any], opened: Envelope, data: memoryview, prefix: str, where: str
) -> tuple[Encoded, dict[str, str]]:
    state = tree.get(_STATE, tree if all(isinstance(value, Stored) for value in tree.values()) else None)
    if not isinstance(state, dict):
        raise FormatError(f"{where} has no weights: there is no {_STATE} in it.")
    tensors: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name, value in state.items():
        if not isinstance(name, str) or not name.startswith(prefix):
            left_out[str(name)] = "has another prefix"
            continue
        match value:
            case Stored() | Other(kind="shared", value=Stored()):
                found = value.value if isinstance(value, Other) else value
                tensors[name.removeprefix(prefix)] = _leaf(name, found, opened, data)
            case Other(kind="same"):
                raise EncodeError(f"{name} is a part of an object elsewhere in {where}. Save a copy of the tensor.")
            case _:
                left_out[name] = "is no tensor"
    if not tensors:
        raise MismatchError(
            f"{where} has no weights whose names begin with {prefix!r}, such as {next(iter(state), '')!r}."
        )
    encoded = encode(tensors, (_TENSOR,), {})
    if changed := tensors.keys() - encoded.leaves.keys():
        raise EncodeError(f"No safetensors file can have a tensor under the name {min(changed)[:200]!r}. Rename it.")
    return encoded, left_out


def _leaf(name: str, tensor: Stored, opened: Envelope, data: memoryview) -> Leaf:
    entry = opened.header.entries[tensor.name]
    if size_of(entry.dtype, tensor.shape) != entry.stop - entry.start:
        raise EncodeError(
            f"{name} is of {tensor.dtype}, which other programs do not read. Convert it in the model first."
        )
    return Leaf(entry.dtype, tensor.shape, max(1, BITS[entry.dtype] // 8), lambda: data[entry.start : entry.stop])


_TENSOR: Final = Adapter("tensor", (Leaf,), lambda leaf, out: out.leaf(leaf), lambda body, _: body)
