"""Finds the names that a message calls."""

import re
import unicodedata

from handlers import names

_CALLED = re.compile(r"@([A-Za-z0-9-]*[A-Za-z0-9])")  # the longest run, without hyphens at its end


def called_in(content: str) -> list[str]:
    """Returns the names after an `@`, as they stand in the text.

    Each stands once without regard to case, in the order of the first places. Users with these
    names need not exist.
    """
    found: dict[str, str] = {}
    for match in _CALLED.finditer(content):
        name = match[1]
        if names.is_username(name) and _may_begin(content, match.start()):
            found.setdefault(name.lower(), name)
    return list(found.values())


def _may_begin(content: str, place: int) -> bool:
    """Whether a call may begin at this place.

    After a letter or a digit, it is an address, such as jane@example.com.
    """
    if place == 0:
        return True
    before = content[place - 1]
    category = unicodedata.category(before)
    return before != "@" and not category.startswith("L") and category != "Nd"
