"""Detached signatures of files and directories, in the format of OpenSSF Model Signing 1.0.

A signature is a sigstore bundle, version 0.3: a DSSE envelope around an in-toto statement that lists the SHA-256 of
each file, signed with a key of a NIST curve. The reference program is model_signing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from leyden.errors import DigestError, FormatError, PathError, SealError
from leyden.security.paths import beneath
from leyden.wire import strict_json
from leyden.wire.strict_json import Json

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://model_signing/signature/v1.0"
IGNORED: Final = (".git", ".gitattributes", ".github", ".gitignore")
LARGEST: Final = 256 << 20  # bytes of a bundle: about a million files

_CURVES: Final[Mapping[str, type[HashAlgorithm]]] = {"secp256r1": SHA256, "secp384r1": SHA384, "secp521r1": SHA512}
_HASHES: Final = ("sha256", "blake2b")
_CHUNK: Final = 1 << 20

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey


@final
@dataclass(frozen=True)
class Signed:
    """What a signature was found to hold for: ``files`` by name, and the paths that its signer left out."""

    name: str
    files: tuple[str, ...]
    ignored: tuple[str, ...]


@final
@dataclass(frozen=True)
class _Piece:
    """A file, or a range of its bytes, and what it is to hash to."""

    file: str
    start: int
    stop: int | None
    digest: str


def sign(path: Path, key: PrivateKey, ignore: Iterable[str] = (), name: str | None = None) -> bytes:
    """The signature of a file, or of all files in a directory; ``ignore`` are paths in it that do not belong to it.

    ``name`` is what the signature calls the model, where it is not to be the name of the path.
    """
    leave_out = sorted({*IGNORED, *ignore}) if path.is_dir() else []
    names = _files(path, leave_out)
    digests = _digests(path, [_Piece(name, 0, None, "") for name in names], "sha256")
    resources: list[Json] = [
        {"name": name, "algorithm": "sha256", "digest": digest} for name, digest in zip(names, digests, strict=True)
    ]
    statement: Json = {
        "_type": STATEMENT,
        "subject": [{"name": path.resolve().name if name is None else name, "digest": {"sha256": _root(digests)}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": list(leave_out),
            },
            "resources": resources,
        },
    }
    payload = strict_json.dumps(statement).encode()
    signature = key.sign(_signed_text(payload), ec.ECDSA(_hash_of(key.curve)))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    bundle: Json = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": hashlib.sha256(public).hexdigest()}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return strict_json.dumps(bundle).encode()


def verify(path: Path, bundle: bytes, key: PublicKey, ignore: Iterable[str] = ()) -> Signed:
    """Check every file against a signature; ``ignore`` are paths, such as the signature's own, that may lie there too.

    SealError if this key did not sign it, DigestError or PathError naming the first file that differs, is missing or
    was not signed, FormatError for what is no such signature or of a kind that is not checked here.
    """
    payload = _opened(bundle, key)
    subject, digest, serialization, resources = _statement(payload)
    algorithm, pieces, signed_out = _pieces(serialization, resources)
    if _root([piece.digest for piece in pieces]) != digest:
        raise FormatError("The signature's list of files is not the one that its subject names.")
    if [piece.file for piece in pieces] == ["."] and path.is_dir():
        raise PathError(f"The signature is of one file, and {path} is a directory. Name the file.")
    there = _files(path, [*signed_out, *ignore])
    listed = dict.fromkeys(piece.file for piece in pieces)
    missing = [name for name in listed if name not in set(there)]
    if missing:
        raise PathError(f"{path / missing[0]} was signed and is not there. Get the whole model again.")
    # A list of shards has no line for an empty file.
    sharded = any(piece.stop is not None for piece in pieces)
    extra = [name for name in there if name not in listed and not (sharded and _size(path, name) == 0)]
    if extra:
        raise PathError(f"{path / extra[0]} is not part of what was signed. Remove it, or ask who added it.")
    _check_complete(path, pieces)
    for piece, found in zip(pieces, _digests(path, pieces, algorithm), strict=True):
        if found != piece.digest:
            raise DigestError(f"{path / piece.file} is not what was signed: it was damaged or changed. Get it again.")
    return Signed(subject, tuple(listed), tuple(signed_out))


def _opened(bundle: bytes, key: PublicKey) -> bytes:
    """The statement in a bundle, once its signature is known to be right."""
    match _parse(bundle, "The signature"):
        case {
            "mediaType": str(media),
            "verificationMaterial": {"publicKey": dict()},
            "dsseEnvelope": {
                "payload": str(encoded),
                "payloadType": str(kind),
                "signatures": [{"sig": str(signature)}],
            },
        } if (media, kind) == (MEDIA_TYPE, PAYLOAD_TYPE):
            payload, signed = _base64(encoded), _base64(signature)
        case {"verificationMaterial": {"certificate": _} | {"x509CertificateChain": _}}:
            raise FormatError(
                "The signature was made with a certificate, and only those made with a key are checked here. "
                "Use the program model_signing for it."
            )
        case _:
            raise FormatError("This is no signature in the format of OpenSSF Model Signing 1.0.")
    try:
        key.verify(signed, _signed_text(payload), ec.ECDSA(_hash_of(key.curve)))
    except InvalidSignature:
        raise SealError(
            "The signature was not made with this key, or was changed. Ask for the right public key, and trust it only "
            "if it comes on another way than the model."
        ) from None
    return payload


def _statement(payload: bytes) -> tuple[str, str, Mapping[str, Json], list[Json]]:
    match _parse(payload, "The signed statement"):
        case {
            "_type": str(kind),
            "subject": [{"name": str(name), "digest": {"sha256": str(digest)}}],
            "predicateType": str(predicate),
            "predicate": {"serialization": dict(serialization), "resources": list(resources)},
        } if (kind, predicate) == (STATEMENT, PREDICATE):
            return name, digest, serialization, resources
    raise FormatError("The signed statement is not one of OpenSSF Model Signing 1.0.")


def _pieces(serialization: Mapping[str, Json], resources: list[Json]) -> tuple[str, list[_Piece], list[str]]:
    """The algorithm, what is to be hashed, and the paths that the signer left out."""
    method, algorithm, left_out = (serialization.get(name) for name in ("method", "hash_type", "ignore_paths"))
    if method not in ("files", "shards") or algorithm not in _HASHES:
        raise FormatError(
            f"The signature hashes with {str(algorithm)[:40]!r} by {str(method)[:40]!r}; here {', '.join(_HASHES)} of "
            "files or shards are checked. Use the program model_signing for it."
        )
    if not isinstance(left_out, list) or not all(isinstance(name, str) for name in left_out):
        raise FormatError("The signed statement does not say which paths it leaves out.")
    pieces = []
    for resource in resources:
        match resource:
            case {"name": str(name), "digest": str(digest)}:
                pieces.append(_piece(name, digest, sharded=method == "shards"))
            case _:
                raise FormatError("The signed statement names a file without its digest.")
    return str(algorithm), pieces, [str(name) for name in left_out]


def _piece(name: str, digest: str, sharded: bool) -> _Piece:
    if not sharded:
        return _Piece(name, 0, None, digest)
    file, _, limits = name.rpartition(":")
    file, _, start = file.rpartition(":")
    if not file or not (start.isascii() and start.isdigit() and limits.isascii() and limits.isdigit()):
        raise FormatError(f"The signed statement names {name[:200]!r}, which is no shard of a file.")
    return _Piece(file, int(start[:20]), int(limits[:20]), digest)


def _check_complete(path: Path, pieces: Iterable[_Piece]) -> None:
    """Shards that do not cover their file leave room for what nobody signed."""
    reached: dict[str, int] = {}
    for piece in pieces:
        if piece.stop is None:
            continue
        if piece.start != reached.get(piece.file, 0) or piece.stop <= piece.start:
            raise FormatError(f"The signed shards of {piece.file[:200]!r} do not follow one another.")
        reached[piece.file] = piece.stop
    for name, size in reached.items():
        if _size(path, name) != size:
            raise DigestError(f"{path / name} is not what was signed: it is longer or shorter. Get it again.")


def _size(path: Path, name: str) -> int:
    return (path / name).stat().st_size


def _files(path: Path, leave_out: Iterable[str]) -> list[str]:
    """The names of all files, ``"."`` for a path that is one; links and special files are refused."""
    if not path.is_dir():
        _check_regular(path)
        return ["."]
    hidden = {PurePosixPath(name) for name in leave_out}
    return list(_walk(path, PurePosixPath(), hidden))


def _walk(root: Path, folder: PurePosixPath, hidden: set[PurePosixPath]) -> Iterator[str]:
    for full in sorted((root / folder).iterdir()):
        place = folder / full.name
        if place in hidden:
            continue
        if full.is_dir() and not full.is_symlink():
            yield from _walk(root, place, hidden)
        else:
            _check_regular(full)
            yield str(place)


def _check_regular(path: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise PathError(f"{path} is a link, and what it points to can change. Replace it by the file.")
    if not stat.S_ISREG(mode):
        raise PathError(f"{path} is neither a file nor a directory. Remove it.")


def _digests(path: Path, pieces: list[_Piece], algorithm: str) -> list[str]:
    def digest(piece: _Piece) -> str:
        content = hashlib.new(algorithm)
        file = path if piece.file == "." else beneath(path, piece.file)
        with file.open("rb", buffering=0) as stream:
            stream.seek(piece.start)
            left = piece.stop - piece.start if piece.stop is not None else None
            while chunk := stream.read(_CHUNK if left is None else min(_CHUNK, left)):
                content.update(chunk)
                left = left - len(chunk) if left is not None else None
        return content.hexdigest()

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing releases the interpreter's lock
        return list(pool.map(digest, pieces))


def _root(digests: Iterable[str]) -> str:
    try:
        return hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()
    except ValueError:
        raise FormatError("The signed statement has a digest that is not hexadecimal.") from None


def _signed_text(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding (protocol 1.0)."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _hash_of(curve: ec.EllipticCurve) -> HashAlgorithm:
    if curve.name not in _CURVES:
        raise SealError(f"Model signatures use the curves {', '.join(_CURVES)}, and this key is of {curve.name}.")
    return _CURVES[curve.name]()


def _parse(content: bytes, what: str) -> Json:
    if len(content) > LARGEST:
        raise FormatError(f"{what} takes {len(content):,} bytes; {LARGEST:,} is the limit.")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise FormatError(f"{what} is not UTF-8.") from None
    return strict_json.loads(text, depth=16, values=4 << 20, what=what)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise FormatError("The signature is not base64.") from None
