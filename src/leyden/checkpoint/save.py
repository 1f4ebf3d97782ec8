"""Write a checkpoint: one file, whole or not at all, with a digest for every tensor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from torch import Tensor

from leyden.checkpoint.adapters import adapters
from leyden.checkpoint.enums import ENUMS
from leyden.checkpoint.objects import write_object
from leyden.checkpoint.sealing import signer
from leyden.checkpoint.trust import note_written
from leyden.errors import EncodeError
from leyden.security.encryption import Encryption, encrypt
from leyden.security.paths import private_directory, replacing
from leyden.wire import envelope
from leyden.wire.origin import Origin
from leyden.wire.tree import Encoded, encode


def save(
    tree: Mapping[str, Any],
    path: str | os.PathLike[str],
    encryption: Encryption | None = None,
    origin: Origin | None = None,
) -> str:
    """Write ``tree`` to ``path`` as a private file, sealed with the user's key and encrypted as ``encryption`` says.

    ``origin`` is what the file says of where it comes from. Returns the digest of its header, which covers all of it.
    Encrypting takes the size of the file in memory, and as much again for a passphrase.

    The file takes its name only once it is complete and on the disk, so a failure at any moment leaves the previous
    file as it was. Missing directories are created. EncodeError names what cannot be written, by its path in the tree.
    """
    return write(encoded(tree), path, encryption, origin)


def write(
    tree: Encoded,
    path: str | os.PathLike[str],
    encryption: Encryption | None = None,
    origin: Origin | None = None,
) -> str:
    """Write what ``encoded`` made, as ``save`` does."""
    target = Path(path)
    private_directory(target.parent)
    with replacing(target) as stream:
        if encryption is None or not encryption.encrypts:
            digest = envelope.write(stream, tree.leaves, tree.text, signer(), origin)
        else:  # the header comes last, so the plain file is made in memory: it is never on the disk
            plain = BytesIO()
            digest = envelope.write(plain, tree.leaves, tree.text, signer(), origin)
            encrypt(plain, stream, encryption)
    note_written(digest)
    return digest


def save_weights(state_dict: Mapping[str, Tensor], path: str | os.PathLike[str]) -> str:
    """Write tensors alone, under their own names, for any program that reads safetensors."""
    for name, value in state_dict.items():
        if not isinstance(value, Tensor):
            raise EncodeError(f"{name} is not a tensor. Weights are tensors alone; use save for a checkpoint.")
    return save(dict(state_dict), path)


def check(tree: Mapping[str, Any]) -> None:
    """EncodeError if ``save`` would refuse ``tree``; writes and copies nothing."""
    encoded(tree)


def encoded(tree: Mapping[str, Any]) -> Encoded:
    """What is to be written; the tensors are still those of ``tree``. EncodeError names what cannot be written."""
    return encode(tree, adapters(lambda _: None), ENUMS, write_object)
