from __future__ import annotations

import ipaddress
import socket

import pytest

from leyden.security.address import refusal

SERVERS = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "2606:4700::1111"]
PRIVATE = [
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "::1",
    "fc00::1",
    "fdff::1",
]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "64:ff9b:1::7f00:1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "::7f00:1",  # 127.0.0.1 as it was once written in IPv6
]
NONE = [
    "",
    "localhost",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "2130706433",
    "127.1",
    "017700000001",
    "1.2.3.4.5",
    "[::1]",
    "::1/128",
    " 1.1.1.1",
    "١.١.١.١",
]


@pytest.mark.parametrize("address", SERVERS)
def test_a_server_of_the_internet_may_be_reached(address):
    assert refusal(address) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_may_be_reached_where_the_user_says_so_alone(address):
    assert refusal(address) == "is on this machine or in a private network"
    assert refusal(address, private=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_what_is_nobodys_server_may_never_be_reached(address):
    assert refusal(address) is not None
    assert refusal(address, private=True) is not None


@pytest.mark.parametrize("address", NONE)
def test_what_is_no_address_is_refused_however_a_browser_would_read_it(address):
    assert refusal(address) == refusal(address, private=True) == "is no IP address"


@pytest.mark.parametrize("address", [*PRIVATE[:8], *NEVER[:15]])
def test_an_ipv4_address_within_an_ipv6_one_counts(address):
    number = int(ipaddress.IPv4Address(address))
    mapped = ipaddress.IPv6Address(0xFFFF << 32 | number)
    translated = ipaddress.IPv6Address(0x64FF9B << 96 | number)
    tunnelled = ipaddress.IPv6Address(0x2002 << 112 | number << 80 | 1)
    for written in (mapped, translated, tunnelled):
        assert refusal(str(written)) == refusal(address), written
        assert refusal(str(written), private=True) == refusal(address, private=True), written


def test_a_server_within_an_ipv6_address_may_be_reached():
    assert refusal("::ffff:8.8.8.8") is refusal("64:ff9b::808:808") is refusal("2002:808:808::1") is None


def test_an_address_of_one_link_is_refused_with_its_interface():
    assert refusal("fe80::1%eth0") is not None


@pytest.mark.parametrize("name", ["2130706433", "0177.0.0.1", "0x7f000001", "127.1"])
def test_what_a_resolver_makes_of_odd_numbers_is_refused(name):
    for *_, where in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM):
        assert refusal(str(where[0])) is not None
