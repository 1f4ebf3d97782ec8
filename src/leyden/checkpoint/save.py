"""Write a checkpoint: one file, whole or not at all, with a digest for every tensor; or the same bytes to a stream."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from io import BufferedRandom, BufferedWriter, BytesIO, FileIO, TextIOBase
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from torch import Tensor

from leyden.checkpoint.adapters import adapters
from leyden.checkpoint.enums import ENUMS
from leyden.checkpoint.objects import write_object
from leyden.checkpoint.remote_files import uploading
from leyden.checkpoint.sealing import signer
from leyden.checkpoint.trust import note_written
from leyden.core.described import described
from leyden.errors import EncodeError, PathError, SettingsError, WriteError
from leyden.security.encryption import Encryption, begin
from leyden.security.paths import private_directory, private_temporary, replacing
from leyden.security.remote import Remote, place_of
from leyden.wire import envelope
from leyden.wire.origin import Origin
from leyden.wire.tree import Encoded, encode

Target: TypeAlias = "str | os.PathLike[str] | BinaryIO"

# Others may say that they can seek and mean forward, as compressing ones do.
_SEEK: Final = (BytesIO, FileIO, BufferedWriter, BufferedRandom)


def save(
    tree: Mapping[str, Any], target: Target, encryption: Encryption | None = None, origin: Origin | None = None
) -> str:
    """Write ``tree`` as a private file or to a binary stream, sealed with the user's key and encrypted.

    Args:
        tree: what is written.
        target: a path. The file takes its name only once it is complete and on the disk, so a failure at any moment
            leaves the previous file as it was; missing directories are created. Or a stream, which is written to from
            where it stands and stands behind the checkpoint afterwards. One that cannot seek gets the bytes of a
            private temporary file. After an error, what a stream holds is no checkpoint.
        encryption: for whom to encrypt; None for nobody. Takes the size of the file in memory, and 256 MiB before that
            for a passphrase.
        origin: what the checkpoint says of where it comes from.

    Returns:
        The digest of its header, which covers all of it.

    Raises:
        EncodeError: something cannot be written; it is named by its path in the tree.
        WriteError: the system does not take the file.
        PathError: there is a directory of that name, or a file where a directory has to be.
        SettingsError: the target is neither a path nor a binary stream.
    """
    return write(encoded(tree), target, encryption, origin)


def write(
    tree: Encoded, target: Target | Remote, encryption: Encryption | None = None, origin: Origin | None = None
) -> str:
    """Write what ``encoded`` made, as ``save`` does."""
    if not isinstance(target, (str, os.PathLike, Remote)):
        _check_stream(target)
        digest = _write(tree, target, encryption, origin)
    elif isinstance(place := target if isinstance(target, Remote) else place_of(target), Remote):
        with uploading(place) as file:
            digest = _write(tree, file, encryption, origin)
    else:
        with refusals_named(place):
            private_directory(place.parent)
            with replacing(place) as file:
                digest = _write(tree, file, encryption, origin)
    note_written(digest)
    return digest


def _write(tree: Encoded, stream: BinaryIO, encryption: Encryption | None, origin: Origin | None) -> str:
    """The header comes last, so what cannot go back to its place is made elsewhere first."""
    if encryption is not None and encryption.encrypts:
        encrypt = begin(stream, encryption)
        plain = BytesIO()  # never on the disk
        digest = envelope.write(plain, tree.leaves, tree.text, signer(), origin)
        plain.seek(0)
        encrypt(plain)
        return digest
    if _goes_back(stream):
        return envelope.write(stream, tree.leaves, tree.text, signer(), origin)
    with private_temporary() as private:
        digest = envelope.write(private, tree.leaves, tree.text, signer(), origin)
        private.seek(0)
        envelope.pass_on(private, stream)
    return digest


def _check_stream(stream: object) -> None:
    if isinstance(stream, TextIOBase):
        raise SettingsError("a checkpoint is bytes, and the stream that was given takes text. Open it with 'wb'.")
    if isinstance(stream, type) or not callable(getattr(stream, "write", None)):
        raise SettingsError(
            f"{described(stream)} is neither a path nor a binary stream. Give a str, a pathlib.Path or a file that is "
            "open for writing."
        )


def _goes_back(stream: BinaryIO) -> bool:
    """Can it be written to at an earlier place? A file that is open for appending writes at its end alone."""
    return isinstance(stream, _SEEK) and stream.seekable() and "a" not in str(getattr(stream, "mode", ""))


@contextlib.contextmanager
def refusals_named(path: Path) -> Iterator[None]:
    """A block that writes a checkpoint to ``path``; where the system refuses, WriteError says that and the way out."""
    try:
        yield
    except PathError:
        raise
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, reason: OSError) -> WriteError:
    match reason.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            way_out = "Make room, or save elsewhere."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            way_out = "Save to a directory that you may write to."
        case errno.ENOENT | errno.ESTALE:
            way_out = "Its directory was deleted or moved in the meantime; leave it until the run has ended."
        case _:
            way_out = "Save elsewhere, and have a look at the disk."
    what = reason.strerror or str(reason)
    error = WriteError(f"{path} could not be written: {what}. A file that was there before is whole. {way_out}")
    error.errno = reason.errno
    return error


def save_weights(state_dict: Mapping[str, Tensor], target: Target) -> str:
    """Write tensors alone, under their own names, for any program that reads safetensors."""
    for name, value in state_dict.items():
        if not isinstance(value, Tensor):
            raise EncodeError(f"{name} is not a tensor. Weights are tensors alone; use save for a checkpoint.")
    return save(dict(state_dict), target)


def check(tree: Mapping[str, Any]) -> None:
    """EncodeError if ``save`` would refuse ``tree``; writes and copies nothing."""
    encoded(tree)


def encoded(tree: Mapping[str, Any]) -> Encoded:
    """What is to be written; the tensors are still those of ``tree``. EncodeError names what cannot be written."""
    return encode(tree, adapters(lambda _: None), ENUMS, write_object)
