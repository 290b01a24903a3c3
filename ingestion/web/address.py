"""Which addresses a source over HTTP may connect to: public ones, and what the operator allowed by network.

Names are no protection: anybody can point a name of theirs at an address of yours. So the address is judged, after it
was resolved and right before it is used. An IPv6 address that carries an IPv4 address is judged by both.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence

from corpus.errors import ConfigurationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]
"""Host and port to addresses, as numbers; raises OSError where the name leads nowhere."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291, 2.5.5.1
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")  # RFC 6598
_HOST_AGENT = ipaddress.IPv4Address("168.63.129.16")
"""The machine below, on Azure: an address of the public range that only a guest reaches, and that hands out settings
(https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16)."""


def system_resolver(host: str, port: int) -> tuple[str, ...]:
    """Asks the system for the addresses of a host, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Reads networks such as `10.1.0.0/16` or `127.0.0.1`.

    Raises:
        ConfigurationError: One is no network.
    """
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise ConfigurationError(
                f"http_private_networks holds {text!r}: {error}. Write networks such as 10.1.0.0/16 or ::1/128."
            ) from error
    return tuple(found)


def why_refused(text: str, allowed: Sequence[Network] = ()) -> str:
    """Returns what kind of address it is that must not be asked; empty where it may be.

    Args:
        text: The address, as a resolver gave it.
        allowed: Networks that the operator allowed, beside all public addresses.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "no address"
    if any(address in network for network in allowed):
        return ""
    return next((kind for each in (address, *_carried(address)) if (kind := _kind(each, allowed))), "")


def _carried(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """Yields the IPv4 addresses inside an IPv6 address: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    yield from address.teredo or ()
    if address in _NAT64 or address in _COMPATIBLE:
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)


def _kind(address: Address, allowed: Sequence[Network]) -> str:
    if any(address in network for network in allowed):
        return ""
    tests = (
        ("unspecified", address.is_unspecified),
        ("loopback", address.is_loopback),
        ("link-local", address.is_link_local),
        ("multicast", address.is_multicast),
        ("site-local", getattr(address, "is_site_local", False)),
        ("cloud platform's", address == _HOST_AGENT),
        ("shared", isinstance(address, ipaddress.IPv4Address) and address in _SHARED),
        ("private", address.is_private and not getattr(address, "ipv4_mapped", None)),
        ("reserved", address.is_reserved and not getattr(address, "ipv4_mapped", None) and address not in _NAT64),
    )
    return next((name for name, is_so in tests if is_so), "")
