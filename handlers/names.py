"""The alphabet of user names."""

import re

from handlers import problems

LONGEST = 39

_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?")


def checked(username: str) -> str:
    """The same name. Raises `problems.Invalid`: nothing is folded into a name."""
    if not _USERNAME.fullmatch(username):
        raise problems.Invalid(
            {"username": "must be 1 to 39 letters, digits or hyphens, no hyphen at either end"}
        )
    return username


def fitting(login: str, number: int) -> str:
    """The user name for an account of another site, which may have another alphabet.

    It names nobody: `number` does, and stands in for a login of which nothing is left.
    """
    folded = re.sub(r"[^A-Za-z0-9-]+", "-", login).strip("-")
    return folded[:LONGEST].rstrip("-") or f"github-{number}"
