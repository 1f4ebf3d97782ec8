"""Which addresses of the internet a URL may lead to: a pure question about an IP address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

_Network: TypeAlias = "IPv4Network | IPv6Network"

# The machine's own and its network's, where a server of the user's may stand.
_PRIVATE: Final = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # behind a carrier's translation
    IPv4Network("127.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("::1/128"),
    IPv6Network("fc00::/7"),
)

# Where clouds answer with the credentials of the machine, among addresses that are otherwise private or public.
_METADATA: Final = frozenset(
    map(
        ip_address,
        ("100.100.100.200", "168.63.129.16", "169.254.169.254", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    )
)

# Nobody's server, whatever the user says (IANA's registries of special addresses).
_SPECIAL: Final = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.0.2.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("198.18.0.0/15"),
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
    IPv4Network("224.0.0.0/3"),  # multicast, reserved, broadcast
    IPv6Network("2001::/23"),  # Teredo and its like
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),
)
_UNICAST: Final = IPv6Network("2000::/3")  # beyond it and _PRIVATE there are no servers in IPv6

# IPv6 addresses that stand for an IPv4 address, and how far to shift them to the right to have it.
_EMBEDDING: Final = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("2002::/16"), 80),  # 6to4
)


def refusal(address: str, private: bool = False) -> str | None:
    """Why nobody may be led to this address; None if it may be.

    Args:
        address: as a resolver writes it. What is no plain IP address is refused.
        private: allow this machine and private networks, where the user says that their server is. Link-local
            addresses, multicast and the places where clouds keep credentials stay refused.
    """
    try:
        return _refusal(ip_address(address), private)
    except ValueError:
        return "is no IP address"


def _refusal(address: IPv4Address | IPv6Address, private: bool) -> str | None:
    if isinstance(address, IPv6Address):
        for network, shift in _EMBEDDING:
            if address in network:
                return _refusal(IPv4Address(int(address) >> shift & 0xFFFFFFFF), private)
    if address in _METADATA:
        return "is where a cloud keeps the credentials of its machines"
    if _within(address, _PRIVATE):
        return None if private else "is on this machine or in a private network"
    if _within(address, _SPECIAL) or (isinstance(address, IPv6Address) and address not in _UNICAST):
        return "is no address of a server"
    return None


def _within(address: IPv4Address | IPv6Address, networks: tuple[_Network, ...]) -> bool:
    return any(address in network for network in networks)
