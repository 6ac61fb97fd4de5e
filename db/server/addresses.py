"""Resolves a connection string into the addresses of all its hosts, in order.

libpq would resolve names in this thread, and block the loop. The caller connects to one address at
a time, with a share of the time for each. So a host that drops packets does not use all of it.
"""

import asyncio
import os
import socket
from collections.abc import Mapping
from itertools import zip_longest

_IN_ENVIRONMENT = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "port": "PGPORT"}


async def addresses(params: Mapping[str, str]) -> list[dict[str, str]]:
    """Returns `params` for each address, at least one. Raises `OSError` if no name resolves."""
    given = {**_from_environment(params), **params}
    found: list[dict[str, str]] = []
    failure: OSError | None = None
    for host, address, port in _hosts(given):
        one = {**given, "host": host, "hostaddr": address, "port": port}
        try:
            found += [_without_empty({**one, **more}) for more in await _addresses(host, address)]
        except OSError as error:
            failure = failure or error
    if not found and failure is not None:
        raise failure
    return found


def _from_environment(params: Mapping[str, str]) -> dict[str, str]:
    if "service" in params:
        return {}  # the service file may name a host, which wins over the environment
    return {key: os.environ[name] for key, name in _IN_ENVIRONMENT.items() if name in os.environ}


def _hosts(params: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Returns (host, hostaddr, port) of each host. As in libpq, a single port is for all."""
    hosts, given, ports = (params.get(key, "").split(",") for key in ("host", "hostaddr", "port"))
    count = max(len(hosts), len(given))
    if len(ports) == 1:
        ports *= count
    return list(zip_longest(hosts, given, ports, fillvalue=""))


async def _addresses(host: str, given: str) -> list[dict[str, str]]:
    if given or not host or host.startswith(("/", "@")):  # a Unix socket
        return [{}]
    loop = asyncio.get_running_loop()
    try:
        infos = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # not a valid host name
        raise OSError(f"{host!r} is no host name: {error}") from None
    return [{"hostaddr": address} for address in dict.fromkeys(str(i[4][0]) for i in infos)]


def _without_empty(params: dict[str, str]) -> dict[str, str]:
    kept = ("host", "hostaddr", "port")
    return {key: value for key, value in params.items() if value or key not in kept}
