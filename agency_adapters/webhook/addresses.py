"""Where a letter may be sent: to public addresses, and to those private networks that the settings list.

A name is looked up by us, all that it stands for is checked, and the connection goes to an address that was checked:
never to what a second look-up gives. So whoever answers for the name cannot turn a letter into our own network.

Sources: the IANA registries of special-purpose IPv4 and IPv6 addresses; RFC 6890.

LIMIT: an address behind a NAT64 of somebody's own prefix looks like any public address.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses that a host's name stands for. Raises OSError if there are none."""

_NOT_PUBLIC_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # behind a carrier's NAT
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, and what clouds tell their machines
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocols
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and the broadcast address
        ),
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
"""The only part that is given out. Loopback, private, link-local, multicast and unspecified lie outside."""
_NOT_PUBLIC_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols, Teredo among them
            "2001:db8::/32",  # documentation
            "3fff::/20",  # documentation
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_6TO4 = IPv6Network("2002::/16")  # RFC 3056


class AddressRefused(Exception):
    """The host stands for an address that a letter may not be sent to."""


async def permitted_addresses(
    host: str, port: int, allowed: Sequence[Network], resolve: Resolve, *, plain: bool
) -> list[Address]:
    """The addresses of a host, every one of them permitted.

    Args:
        host: A name or an address.
        port: Where the connection goes.
        allowed: Networks that are permitted although they are not public.
        resolve: Looks names up.
        plain: Whether the connection has no TLS: then only this machine itself will do.

    Raises:
        AddressRefused: one of them is not.
        OSError: the name stands for nothing.
    """
    found = [ip_address(text) for text in dict.fromkeys(await resolve(host, port))]
    if not found:
        raise OSError("no address")
    if not all(is_permitted(address, allowed) and (address.is_loopback or not plain) for address in found):
        raise AddressRefused
    return found


def is_permitted(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether a letter may be sent to this address: it is public, or in a network that is *allowed*."""
    if any(address in network for network in allowed):
        return True
    inner = _inner(address)
    if inner is not None:
        return is_permitted(inner, allowed)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _PUBLIC_6 and not any(address in network for network in _NOT_PUBLIC_6)


def _inner(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to, if it does."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour if address in _6TO4 else None


async def look_up(host: str, port: int) -> list[str]:
    """`Resolve`, as this machine is set up to look names up."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
