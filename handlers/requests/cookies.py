"""Names and reads the cookies of this server.

It parses no other cookie, so a long `Cookie` header costs almost nothing. All names begin with
`messenger-`, because servers on other ports of the host share its cookies.
"""

import re
from collections.abc import Iterator
from itertools import islice

from tornado.httputil import HTTPHeaders

MOST_READ = 4  # cookies of one name; another path or domain may have set more


def prefix(*, secure: bool) -> str:
    """Returns the prefix of names. With `__Host-`, only this host can set the cookie, over TLS."""
    return "__Host-messenger-" if secure else "messenger-"


class Cookies:
    """Cookies with names that are `name` followed by a match of `rest`, a regular expression."""

    def __init__(self, name: str, rest: str = "") -> None:
        # The literal name comes first, and the check of what precedes it second: `re` searches
        # literal text fast.
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
        """Returns the first `MOST_READ` values, including empty ones."""
        return [value for _, value in islice(self._cookies.read(headers), MOST_READ)]
