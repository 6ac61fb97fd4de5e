"""The cookies of this server: what they are called, and how they are read.

No other cookie is parsed, so a long `Cookie` header costs next to nothing. All names begin with
`messenger-`: cookies are shared by all servers of a host, whatever their ports.
"""

import re
from collections.abc import Iterator
from itertools import islice

from tornado.httputil import HTTPHeaders

MOST_READ = 4  # cookies of one name; another path or domain may have set more


def prefix(*, secure: bool) -> str:
    """`__Host-` keeps other hosts of the site, and pages without TLS, from setting a cookie."""
    return "__Host-messenger-" if secure else "messenger-"


class Cookies:
    """The cookies whose names are `name` and then `rest`, a regular expression."""

    def __init__(self, name: str, rest: str = "") -> None:
        # The name comes first and what precedes it second: `re` searches for plain text fast.
        name = re.escape(name)
        self._cookie = re.compile(rf"{name}(?:(?<![^;]{name})|(?<=; {name}))({rest})=([^;]*)")

    def read(self, headers: HTTPHeaders) -> Iterator[tuple[str, str]]:
        """Yields the rest of each name, and the value, in the browser's order."""
        for line in headers.get_list("Cookie"):
            for found in self._cookie.finditer(line):
                yield found[1], found[2].strip(' \t"')


class SessionCookie:
    """The cookie that holds a browser's token."""

    def __init__(self, *, secure: bool) -> None:
        self.name = prefix(secure=secure) + "session"
        self._cookies = Cookies(self.name)

    def values(self, headers: HTTPHeaders) -> list[str]:
        """The first `MOST_READ` values; empty ones are among them."""
        return [value for _, value in islice(self._cookies.read(headers), MOST_READ)]
