"""Checks the `Host` and the `Origin` of requests."""

import urllib.parse

from config import Config, is_loopback_name

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Hosts:
    """The host names of this server: of its origin, the loopback names, and `--allowed-hosts`.

    Any other name is refused, which stops DNS rebinding.
    """

    def __init__(self, config: Config) -> None:
        origin = urllib.parse.urlsplit(config.origin)
        self._origin = config.origin
        self._exact = {origin.netloc, *config.allowed_hosts}
        self._any_port = {host for host in config.allowed_hosts if _name(host) == host}
        if origin.port is None:
            self._exact.add(f"{origin.netloc}:{_DEFAULT_PORTS[origin.scheme]}")

    def serves(self, host: str) -> bool:
        """Whether this server serves requests with this `Host`."""
        host = host.lower()
        name = _name(host)
        return host in self._exact or name in self._any_port or is_loopback_name(name)

    def trusts(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` may send writes to this server under the name `host`."""
        origin, host = origin.lower(), host.lower()
        if origin == self._origin:
            return True
        return origin == f"http://{host}" and is_loopback_name(_name(host))

    def origin_for(self, host: str) -> str:
        """Returns the origin that a browser at `host` uses, and that its cookies belong to.

        A server on loopback has several names. Any other server has only its configured origin.
        """
        scheme, _, own = self._origin.partition("://")
        both_local = is_loopback_name(_name(own)) and is_loopback_name(_name(host))
        return f"http://{host}" if both_local and scheme == "http" else self._origin


def _name(host: str) -> str:
    """Removes the port. An IPv6 address keeps its brackets."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host
