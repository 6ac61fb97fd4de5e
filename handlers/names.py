"""Checks user names, and derives them from the names of other sites."""

import re

from handlers.requests import problems

LONGEST = 39

_ALPHABET = "Usernames can use letters, numbers and hyphens. They can't start or end with a hyphen."
_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?")


def checked(username: str) -> str:
    """Returns the name unchanged, or raises `problems.Invalid`."""
    if len(username) > LONGEST:
        raise problems.Invalid({"username": f"Usernames can have at most {LONGEST} characters."})
    if not _USERNAME.fullmatch(username):
        sentences = (
            "Usernames can use letters, numbers and hyphens. They can't start or end with a hyphen."
        )
        raise problems.Invalid({"username": sentences})
    return username


def derive_username(login: str, number: int) -> str:
    """Returns a user name for an account of another site, which may allow other characters.

    The name does not identify the account: `number` does. If no character of `login` is allowed,
    the name is `github-` and `number`.
    """
    folded = re.sub(r"[^A-Za-z0-9-]+", "-", login).strip("-")
    return folded[:LONGEST].rstrip("-") or f"github-{number}"
