"""The keys that seal checkpoints: one's own, and those of others that the user trusts.

They lie in a directory that only the user may write to:

    identity.key        the private key that seals checkpoints: Ed25519, as PKCS #8 in PEM
    publisher.key       the one that signs what is published: NIST P-256, which model signatures need
    known/HEX.json      one file for each public key that was trusted, revoked, or one's own before the present one
"""

from __future__ import annotations

import enum
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Final, NoReturn, final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from leyden.errors import FormatError, KeyStoreError
from leyden.security.home import home as home
from leyden.security.paths import create, private_directory, replacing
from leyden.wire import strict_json
from leyden.wire.seal import usable

PREFIX: Final = "ed25519:"
_IDENTITY: Final = "identity.key"
_PUBLISHER: Final = "publisher.key"
_KNOWN: Final = "known"
_LARGEST: Final = 64 << 10  # bytes; a key takes about 120
_MAKERS: Final[Mapping[str, Callable[[], Ed25519PrivateKey | ec.EllipticCurvePrivateKey]]] = {
    _IDENTITY: Ed25519PrivateKey.generate,
    _PUBLISHER: partial(ec.generate_private_key, ec.SECP256R1()),
}


@final
class Identity:
    """A private key, which signs and is never shown."""

    __slots__ = ("_private", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"Identity({text_of(self.public)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A private key is not copied or pickled. Use the file that it came from.")


class Standing(enum.Enum):
    """What the user has said of a public key."""

    OWN = "own"
    TRUSTED = "trusted"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@final
@dataclass(frozen=True)
class Known:
    """A public key that the user has spoken of. Times are ISO 8601 in UTC."""

    public: bytes
    name: str
    standing: Standing
    since: str


def private_paths(environment: Mapping[str, str] = os.environ) -> Iterator[tuple[Path, str, bool]]:
    """What its owner alone may write: where it may lie, what it is, and whether nobody else may read it either."""
    directory = home(environment)
    yield directory, "the directory of the keys", False
    yield directory / _KNOWN, "the list of trusted keys", False
    yield directory / _IDENTITY, "the key that seals checkpoints", True
    yield directory / _PUBLISHER, "the key that signs models", True
    if mounted := environment.get("LEYDEN_KEY"):
        yield Path(mounted), "the key that LEYDEN_KEY names", True


def identity(environment: Mapping[str, str] = os.environ) -> Identity:
    """The key that this user signs with: that of ``$LEYDEN_KEY``, or the one at home, made at its first use.

    Any number of processes may ask for it at the same time and get the same. KeyStoreError says why there is none.
    """
    if mounted := environment.get("LEYDEN_KEY"):
        return _identity(Path(mounted))
    return _identity(_made(home(environment), _IDENTITY))


def publisher(environment: Mapping[str, str] = os.environ) -> ec.EllipticCurvePrivateKey:
    """The key that this user signs models with for others, made at its first use."""
    return read_publisher(_made(home(environment), _PUBLISHER))


def read_publisher(path: Path) -> ec.EllipticCurvePrivateKey:
    """The private key in a PEM file, for signing models."""
    private = _read_private(path)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise KeyStoreError(f"{path} holds a private key of another kind. Models are signed with one of a NIST curve.")
    return private


def read_public(path: Path) -> ec.EllipticCurvePublicKey:
    """The public key in a PEM file, for checking signatures of models."""
    public = _read_public(path)
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise KeyStoreError(f"{path} holds a public key of another kind. Models are signed with one of a NIST curve.")
    return public


def renew(environment: Mapping[str, str] = os.environ) -> Identity:
    """Make a new key to sign with. What the one before it has sealed stays trusted."""
    if mounted := environment.get("LEYDEN_KEY"):
        raise KeyStoreError(
            f"LEYDEN_KEY names the key that you sign with, {mounted}. Replace that file, or unset the variable."
        )
    directory = home(environment)
    path = directory / _IDENTITY
    if path.exists():
        _write_known(
            directory, identity({"LEYDEN_HOME": str(directory)}).public, "an earlier key of mine", Standing.OWN
        )
    private = Ed25519PrivateKey.generate()
    with _kept(directory):
        private_directory(directory)
        with replacing(path) as stream:
            stream.write(_pem(private))
    return Identity(private)


def standing(public: bytes, environment: Mapping[str, str] = os.environ) -> Standing:
    """What the user has said of a key. A revoked one is so even where it is one's own."""
    directory = home(environment)
    entry = _read_known(directory / _KNOWN / f"{public.hex()}.json")
    if entry is not None:
        return entry.standing
    return Standing.OWN if _is_present(public, environment) else Standing.UNKNOWN


def trust(public: bytes, name: str, environment: Mapping[str, str] = os.environ) -> None:
    """Believe from now on what this key has sealed; also takes a revocation back."""
    if not usable(public):
        raise KeyStoreError(f"{text_of(public)} vouches for everything, so for nothing. Nobody's key is like this.")
    _write_known(home(environment), public, name, Standing.TRUSTED)


def revoke(public: bytes, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse from now on what this key has sealed. One's own is not used any more: make a new one first."""
    directory = home(environment)
    if _is_present(public, environment):
        raise KeyStoreError("This is the key that you sign with. Make a new one first: leyden key new.")
    known = _read_known(directory / _KNOWN / f"{public.hex()}.json")
    _write_known(directory, public, known.name if known else "", Standing.REVOKED)


def known(environment: Mapping[str, str] = os.environ) -> list[Known]:
    """Every key that the user has spoken of, the earliest first."""
    folder = home(environment) / _KNOWN
    names = sorted(folder.glob("*.json")) if folder.is_dir() else []
    entries = [entry for name in names if (entry := _read_known(name)) is not None]
    return sorted(entries, key=lambda entry: entry.since)


def text_of(public: bytes) -> str:
    """How a public key is written."""
    return PREFIX + public.hex()


def parse(text: str) -> bytes:
    """The public key that a user wrote, as ``text_of`` does or as the path of a PEM file."""
    if text.startswith(PREFIX):
        digits = text[len(PREFIX) :]
        if len(digits) == 64 and set(digits) <= set("0123456789abcdef"):
            return bytes.fromhex(digits)
        raise KeyStoreError(f"{text[:100]!r} is not a public key: 64 hexadecimal digits follow {PREFIX}.")
    path = Path(text)
    if not path.is_file():
        raise KeyStoreError(f"{text[:200]!r} is neither a public key ({PREFIX}…) nor a file with one.")
    key = _read_public(path)
    if not isinstance(key, Ed25519PublicKey):
        raise KeyStoreError(f"{path} holds a public key of another kind. Checkpoints are sealed with Ed25519.")
    return key.public_bytes_raw()


def _is_present(public: bytes, environment: Mapping[str, str]) -> bool:
    """Whether this is the key that the user signs with now; none is made for the question."""
    if environment.get("LEYDEN_KEY") or (home(environment) / _IDENTITY).exists():
        with suppress(KeyStoreError):  # a key that cannot be used makes nobody's files one's own
            return identity(environment).public == public
    return False


@contextmanager
def _kept(directory: Path) -> Iterator[None]:
    """A block that writes to the directory of the keys."""
    try:
        yield
    except OSError as error:
        raise KeyStoreError(
            f"No key can be kept in {directory}: {error.strerror or error}. Set LEYDEN_HOME to a directory that this "
            "user can write to, or LEYDEN_KEY to the file of a key."
        ) from None


def _made(directory: Path, name: str) -> Path:
    """The file of a key at home, which is made if it is not there."""
    path = directory / name
    with _kept(directory):
        if not path.exists():
            _create(directory, name)
        check_private_directory(directory)
    return path


def _create(directory: Path, name: str) -> None:
    """Make a first key. Of several processes one wins."""
    private_directory(directory)
    create(directory / name, _pem(_MAKERS[name]()))


def _pem(private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _identity(path: Path) -> Identity:
    private = _read_private(path)
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyStoreError(f"{path} holds a private key of another kind. Checkpoints are sealed with Ed25519.")
    return Identity(private)


def read_private_file(path: Path, most: int = _LARGEST) -> bytes:
    """The content of a file with a private key; KeyStoreError where others may read it, or it is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise KeyStoreError(f"The key {path} cannot be read: {error.strerror}.") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyStoreError(f"The key {path} is not a file.")
        if os.name == "posix" and not _is_private(status):
            raise KeyStoreError(
                f"Others may use the key {path}. Make it private: chmod 600 {path}, or mount it with the mode 0400."
            )
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)


def _read_private(path: Path) -> PrivateKeyTypes:
    content = read_private_file(path)
    try:
        return load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyStoreError(
            f"{path} holds no private key as unencrypted PEM. Move it away, and a new one is made."
        ) from None


def _is_private(status: os.stat_result) -> bool:
    """Whether a key is for its owner alone, or one of root's that a group may read, as orchestrators mount secrets."""
    for_a_group = status.st_uid == 0 and os.geteuid() != 0
    return not status.st_mode & (0o037 if for_a_group else 0o077)


def _read_public(path: Path) -> PublicKeyTypes:
    try:
        with path.open("rb") as stream:
            return load_pem_public_key(stream.read(_LARGEST))
    except OSError as error:
        raise KeyStoreError(f"The key {path} cannot be read: {error.strerror}.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyStoreError(f"{path} holds no public key as PEM.") from None


def check_private_directory(directory: Path) -> None:
    """Whoever may write here says whom the user trusts."""
    if os.name != "posix":
        return
    status = directory.stat()
    if status.st_mode & 0o022 or status.st_uid not in (os.geteuid(), 0):
        raise KeyStoreError(f"Others may write to {directory}, where keys are kept. Own it, and chmod 700 {directory}")


def _read_known(path: Path) -> Known | None:
    try:
        text = path.read_bytes()[:_LARGEST].decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise KeyStoreError(
            f"{path}, which says whom you trust, cannot be read: {error}. Remove or repair it."
        ) from None
    check_private_directory(path.parent)
    with suppress(FormatError, ValueError):
        match strict_json.loads(text, depth=1, values=8, what=str(path)):
            case {"name": str(name), "standing": str(said), "since": str(since), **others} if not others:
                return Known(bytes.fromhex(path.stem), name, Standing(said), since)
    raise KeyStoreError(f"{path}, which says whom you trust, is damaged. Remove it, and say it again: leyden key trust")


def _write_known(directory: Path, public: bytes, name: str, standing: Standing) -> None:
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    entry: dict[str, strict_json.Json] = {"name": name, "standing": standing.value, "since": since}
    with _kept(directory):
        folder = private_directory(private_directory(directory) / _KNOWN)
        check_private_directory(directory)
        with replacing(folder / f"{public.hex()}.json") as stream:
            stream.write(strict_json.dumps(entry).encode())
