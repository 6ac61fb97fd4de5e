"""The alphabet of user names."""

import re

from handlers.requests import problems

LONGEST = 39

_ALPHABET = "Usernames can use letters, numbers and hyphens. They can't start or end with a hyphen."
_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?")


def checked(username: str) -> str:
    """The same name. Raises `problems.Invalid`: nothing is folded into a name."""
    if len(username) > LONGEST:
        raise problems.Invalid({"username": f"Usernames can have at most {LONGEST} characters."})
    if not _USERNAME.fullmatch(username):
        sentences = (
            "Usernames can use letters, numbers and hyphens. They can't start or end with a hyphen."
        )
        raise problems.Invalid({"username": sentences})
    return username


def derive_username(login: str, number: int) -> str:
    """The user name for an account of another site, which may have another alphabet.

    It names nobody: `number` does, and stands in for a login of which nothing is left.
    """
    folded = re.sub(r"[^A-Za-z0-9-]+", "-", login).strip("-")
    return folded[:LONGEST].rstrip("-") or f"github-{number}"
