"""Sockets that wait for connections, as Linux lists them."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from leyden.audit.opening import head

_LISTENING: Final = "0A"
_MOST: Final = 16 << 20  # bytes of a table
_TABLES: Final = ("net/tcp", "net/tcp6")


@final
@dataclass(frozen=True)
class Listener:
    """A TCP socket that waits for connections; ``inode`` is its number in the tables of the kernel."""

    inode: str
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int

    @property
    def local(self) -> bool:
        """Whether this machine alone reaches it."""
        mapped = getattr(self.address, "ipv4_mapped", None)
        return self.address.is_loopback or (mapped is not None and mapped.is_loopback)

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"


def listeners(proc: str) -> Iterator[Listener]:
    """Those of this network; OSError where there is no such table."""
    for name in _TABLES:
        path = os.path.join(proc, name)  # noqa: PTH118
        try:
            text = head(path, _MOST).decode("ascii", "replace")
        except FileNotFoundError:
            if name == _TABLES[0]:
                raise
            continue  # a system without IPv6
        for line in text.splitlines()[1:]:
            if (found := _parsed(line.split())) is not None:
                yield found


def _parsed(fields: list[str]) -> Listener | None:
    if len(fields) < 10 or fields[3] != _LISTENING:
        return None
    address, _, port = fields[1].partition(":")
    try:
        packed = bytes.fromhex(address)
        # Each 32 bits stand in the order of the machine.
        words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
        if sys.byteorder == "little":
            words = [word[::-1] for word in words]
        return Listener(fields[9], ipaddress.ip_address(b"".join(words)), int(port, 16))
    except ValueError:
        return None
