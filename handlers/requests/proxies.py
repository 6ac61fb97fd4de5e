"""Reads the forwarding headers of trusted proxies.

The client's address is the rightmost one in `X-Forwarded-For` that is not a trusted proxy. Anything
to the left of it may be forged.
"""

import ipaddress
import re
from collections.abc import Sequence

from tornado.httputil import HTTPServerRequest

from config import Network
from handlers.requests.logs import REQUEST_ID

MOST_HOPS = 32  # read from the right; a chain of proxies has three or four
LONGEST_HOP = 200  # characters of one element

_PORT = r"(?::[0-9]{1,5})?"
_ZONE = r"(?:%[^\]\"]*)?"
_HOP = re.compile(
    rf"""(?i:\s*(?:[a-z]+=[^;]*;\s*)*(?:for=)?"?(?:"""
    rf"""\[(?P<bracketed>[0-9a-f:.]+){_ZONE}\]{_PORT}|"""
    rf"""(?P<ipv4>[0-9.]+){_PORT}|"""
    rf"""(?P<ipv6>[0-9a-f:.]+){_ZONE})"?\s*(?:;.*)?)"""
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxies:
    """The proxies in `--trusted-proxies`. Headers from other peers are ignored."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = networks

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, remote_ip: str) -> bool:
        """Whether this address is a trusted proxy."""
        address = _address(remote_ip) if self._networks else None
        return address is not None and self._trusts(address)

    def look_through(self, request: HTTPServerRequest) -> None:
        """Sets the request's address and protocol from the headers of a trusted proxy.

        Removes `X-Request-Id` unless a trusted proxy sent a valid one.
        """
        peer = _address(request.remote_ip or "")
        trusted = peer is not None and self._trusts(peer)
        if not (trusted and REQUEST_ID.fullmatch(request.headers.get("X-Request-Id", ""))):
            request.headers.pop("X-Request-Id", None)
        if peer is None or not trusted:
            return
        hops = request.headers.get("X-Forwarded-For", "").rsplit(",", MOST_HOPS)
        request.remote_ip = str(self._client(peer, hops))
        protocol = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        if protocol in ("http", "https"):
            request.protocol = protocol

    def _client(self, peer: Address, hops: list[str]) -> Address:
        nearest = peer
        for hop in reversed(hops[-MOST_HOPS:]):
            address = _address(hop)
            if address is None:
                break  # malformed, so no trusted proxy wrote it: keep the address to its right
            nearest = address
            if not self._trusts(address):
                break
        return nearest

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _address(hop: str) -> Address | None:
    """Parses one element of the header, in the notations that proxies use. None if malformed.

    There may be a port, brackets, quotes, a zone (`fe80::1%eth0`), or `for=`, as in `Forwarded`
    (RFC 7239). An IPv4-mapped IPv6 address becomes IPv4.
    """
    found = _HOP.fullmatch(hop) if len(hop) <= LONGEST_HOP else None
    if found is None:
        return None
    try:
        address = ipaddress.ip_address(found["bracketed"] or found["ipv4"] or found["ipv6"])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
