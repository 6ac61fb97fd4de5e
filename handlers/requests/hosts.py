"""Which names this server goes by, and whose pages may write to it."""

import urllib.parse

from config import Config, is_loopback_name

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Hosts:
    """The origin's host, the loopback names and `--allowed-hosts`.

    A name that was rebound to our address is none of them.
    """

    def __init__(self, config: Config) -> None:
        origin = urllib.parse.urlsplit(config.origin)
        self._origin = config.origin
        self._exact = {origin.netloc, *config.allowed_hosts}
        self._any_port = {host for host in config.allowed_hosts if _name(host) == host}
        if origin.port is None:
            self._exact.add(f"{origin.netloc}:{_DEFAULT_PORTS[origin.scheme]}")

    def serves(self, host: str) -> bool:
        """Whether a request with this `Host` is for us."""
        host = host.lower()
        name = _name(host)
        return host in self._exact or name in self._any_port or is_loopback_name(name)

    def trusts(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` may write to us, addressed as `host`."""
        origin, host = origin.lower(), host.lower()
        if origin == self._origin:
            return True
        return origin == f"http://{host}" and is_loopback_name(_name(host))

    def origin_for(self, host: str) -> str:
        """Where a browser that came to `host` finds us, and has our cookies.

        A machine that serves itself goes by several names; any other server has its origin alone.
        """
        scheme, _, own = self._origin.partition("://")
        both_local = is_loopback_name(_name(own)) and is_loopback_name(_name(host))
        return f"http://{host}" if both_local and scheme == "http" else self._origin


def _name(host: str) -> str:
    """Without the port; an IPv6 address keeps its brackets."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
