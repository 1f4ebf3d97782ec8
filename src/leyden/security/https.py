"""Read one file over HTTPS: from the address that was checked, no larger than was said, and nowhere else."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
from typing import BinaryIO, Final, final
from urllib.parse import quote, urljoin

from leyden.errors import DigestError, RemoteError
from leyden.security.address import refusal
from leyden.security.paths import write_all
from leyden.security.remote import HTTPS, Allowed, Remote, allowed, parse

_REDIRECTS: Final = 5
_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})
_SECONDS: Final = 60.0  # without a byte
_IN_PATHS: Final = "/%:@!$&'()*+,;=~"
_IN_QUERIES: Final = f"{_IN_PATHS}?"
_CHUNK: Final = 1 << 20


def fetch(remote: Remote, stream: BinaryIO) -> None:
    """Write the file at an address to ``stream``. No proxy, cookie or credential of the environment is used.

    Redirects are followed to places that are allowed too.

    Raises:
        RemoteError: the server cannot be reached or trusted, has no such file, or answers with too much.
        DigestError: the file is not the one that was named by its digest.
    """
    here = remote
    for _ in range(_REDIRECTS + 1):
        connection = _Connection(here, allowed(here))
        try:
            further = _take(connection, here, remote, stream)
        except (RemoteError, FileNotFoundError):
            raise
        except (OSError, http.client.HTTPException) as error:
            raise RemoteError(f"{here} cannot be read: {_reason(error)}") from None
        finally:
            connection.close()
        if further is None:
            return
        here = further
    raise RemoteError(f"{remote} leads from one address to the next, over {_REDIRECTS} times. Name the file itself.")


def _take(connection: _Connection, here: Remote, asked: Remote, stream: BinaryIO) -> Remote | None:
    """The file into the stream, or where it is said to be."""
    target = "/" + quote(here.path, safe=_IN_PATHS) + (f"?{quote(here.query, safe=_IN_QUERIES)}" if here.query else "")
    connection.request("GET", target, headers={"Accept-Encoding": "identity", "User-Agent": "leyden"})
    with connection.getresponse() as answer:
        return _taken(answer, here, asked, stream)


def _taken(answer: http.client.HTTPResponse, here: Remote, asked: Remote, stream: BinaryIO) -> Remote | None:
    if answer.status in _REDIRECTING:
        return _redirect(answer.getheader("Location", ""), here)
    if answer.status == 404:
        raise FileNotFoundError(2, "There is no such file; check the address", str(here))
    if answer.status != 200:
        raise RemoteError(f"{here} cannot be read: the server answers with {answer.status}.")
    if answer.getheader("Content-Encoding", "identity") != "identity":
        raise RemoteError(f"{here} comes compressed although it was asked for as it is. Use another server.")
    largest = allowed(asked).largest
    said = answer.length
    if said is not None and said > largest:
        raise _too_large(here, largest)
    found, count = hashlib.sha256(), 0
    while chunk := answer.read(_CHUNK):
        count += len(chunk)
        if count > largest:
            raise _too_large(here, largest)
        found.update(chunk)
        write_all(stream, chunk)
    if said is not None and count != said:
        raise RemoteError(f"{here} was cut short: {count:,} of {said:,} bytes came. Try again.")
    if asked.sha256 is not None and found.hexdigest() != asked.sha256:
        raise DigestError(f"{here} has the digest {found.hexdigest()} and not the one that was asked for.")
    return None


def _redirect(location: str, here: Remote) -> Remote:
    # A relative one is joined with the path alone, so that no query is handed on.
    place = parse(urljoin(str(here), location).partition("#")[0])
    if not isinstance(place, Remote) or place.scheme != HTTPS:
        raise RemoteError(f"{here} leads to an address that is not https. Name the file itself.")
    return place


def _too_large(here: Remote, largest: int) -> RemoteError:
    return RemoteError(
        f"{here} has over {largest:,} bytes, which is the limit. If that is right, raise it with "
        "leyden.allow_remote(..., largest=...)."
    )


def _reason(error: OSError | http.client.HTTPException) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"the server's certificate is not valid for it: {error.verify_message}."
        case TimeoutError():
            return "the server does not answer."
        case OSError():
            return f"{error.strerror or type(error).__name__}."
        case _:
            return f"the server does not speak HTTP as it should ({type(error).__name__})."


@final
class _Connection(http.client.HTTPSConnection):
    """A connection to an address that was checked: the name is resolved once, and not again to connect."""

    def __init__(self, remote: Remote, leave: Allowed) -> None:
        # Not ssl.create_default_context: it would write the keys of the connection where SSLKEYLOGFILE says.
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        if (cafile := leave.options.get("cafile")) is None:
            self._tls.load_default_certs()
        else:
            self._tls.load_verify_locations(cafile)
        super().__init__(remote.host, timeout=_SECONDS, context=self._tls)
        self._remote = remote
        self._private = leave.private

    def connect(self) -> None:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(where[0]) for *_, where in found))
        # All of them: who answers with two addresses means the other one.
        for address in addresses:
            if (reason := refusal(address, self._private)) is not None:
                raise RemoteError(
                    f"{self._remote} is not read: {self.host} is {address}, which {reason}. If your server stands "
                    "there, say so: leyden.allow_remote(..., private=True)."
                )
        plain = self._reached(addresses)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    def _reached(self, addresses: list[str]) -> socket.socket:
        for address in addresses[:-1]:
            try:
                return socket.create_connection((address, self.port), _SECONDS)
            except OSError:
                continue  # the next one may answer
        return socket.create_connection((addresses[-1], self.port), _SECONDS)
