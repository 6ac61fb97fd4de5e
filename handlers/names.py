"""Checks names, prepares searches for them, and derives user names from those of other sites."""

import re
import unicodedata

from db import users
from handlers import content
from handlers.requests import problems

LONGEST = 39
LONGEST_DISPLAY_NAME = 60  # code points

# Control characters, line and paragraph separators, changes of the writing direction.
_HIDDEN = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
DISPLAY_NAME_PATTERN = (  # means the same in Python and in JSON Schema
    rf"^[^{_HIDDEN}]*[^{_HIDDEN}{content.SPACE}{content.INVISIBLE}][^{_HIDDEN}]*$"
)
LONGEST_GROUP_NAME = 80  # code points
# What a line of text may not have: as above, without the marks of a direction.
_CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069"
LINE_PATTERN = rf"^[^{_CONTROL}]*[^{_CONTROL}{content.SPACE}{content.INVISIBLE}][^{_CONTROL}]*$"
_IN_NO_LINE = re.compile(rf"[{_CONTROL}]")
_NOT_SHOWN = re.compile(rf"[{_HIDDEN}]")
_DELETED = "deleted-"  # how the names of deleted people begin
_USERNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?")


def is_username(name: str) -> bool:
    return len(name) <= LONGEST and _USERNAME.fullmatch(name) is not None


def checked(username: str) -> str:
    """Returns the name unchanged, or raises `problems.Invalid`."""
    if len(username) > LONGEST:
        raise problems.Invalid({"username": f"Usernames can have at most {LONGEST} characters."})
    if not is_username(username):
        sentences = (
            "Usernames can use letters, numbers and hyphens. They can't start or end with a hyphen."
        )
        raise problems.Invalid({"username": sentences})
    return username


def checked_new(username: str) -> str:
    """Like `checked`, for a name that somebody chooses for themselves."""
    if checked(username).lower().startswith(_DELETED):
        raise problems.Invalid({"username": f"Usernames can't start with {_DELETED}"})
    return username


def checked_display_name(name: str) -> str:
    """Returns the name without white space at its ends, or raises `problems.Invalid`."""
    return _checked_line(name, "displayName", "Names", LONGEST_DISPLAY_NAME, _NOT_SHOWN)


def checked_group_name(name: str) -> str:
    """Returns the name without white space at its ends, or raises `problems.Invalid`."""
    return _checked_line(name, "name", "Group names", LONGEST_GROUP_NAME, _IN_NO_LINE)


def _checked_line(
    text: str, field: str, called: str, longest: int, refused: re.Pattern[str]
) -> str:
    text = text.strip()
    sentence = None
    if len(text) > longest:
        sentence = f"{called} can have at most {longest} characters."
    elif refused.search(text):
        sentence = f"{called} can't contain line breaks or invisible control characters."
    elif not content.shows(text):
        sentence = f"{called} can't be empty."
    if sentence is not None:
        raise problems.Invalid({field: sentence})
    return text


def searched(text: str) -> str | None:
    """Returns the beginning of a name to look for, as `users.folded` has it.

    None: nobody has such a name. Raises `problems.Invalid` for an empty search.
    """
    text = unicodedata.normalize("NFKC", text).strip().removeprefix("@")
    if not text:
        raise problems.Invalid({"search": "Enter at least one character."})
    prefix = users.folded(text)
    # Empty: accents alone. PostgreSQL's `text` cannot hold NUL.
    return prefix if prefix and "\0" not in prefix else None


def derive_username(login: str, number: int) -> str:
    """Returns a user name for an account of another site, which may allow other characters.

    The name does not identify the account: `number` does. If no character of `login` is allowed,
    the name is `github-` and `number`.
    """
    folded = re.sub(r"[^A-Za-z0-9-]+", "-", login).strip("-")
    return folded[:LONGEST].rstrip("-") or f"github-{number}"
