"""Normalises and checks the text of a message."""

import re

LONGEST = 4000  # code points

# Regular expressions that mean the same in Python and in JSON Schema (ECMA-262).
SPACE = (  # `str.isspace()`
    r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
)
INVISIBLE = (  # Default_Ignorable_Code_Point (Unicode, DerivedCoreProperties), and a blank braille
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
PATTERN = rf"^[^\u0000]*[^\u0000{SPACE}{INVISIBLE}][^\u0000]*$"

_SHOWS = re.compile(rf"[^{SPACE}{INVISIBLE}]")


def normalised(text: str) -> str:
    """Removes blank lines at the start and white space at the end, and turns CRLF into LF.

    The first line keeps its indentation. The rest of the text stays unchanged.
    """
    text = text.replace("\r\n", "\n").rstrip()
    if not text[:1].isspace():
        return text
    indentation_ends = len(text) - len(text.lstrip())
    return text[text.rfind("\n", 0, indentation_ends) + 1 :]


def shows(text: str) -> bool:
    """Whether a text has a visible character."""
    return _SHOWS.search(text) is not None


def error(content: str) -> str | None:
    """Returns what is wrong with a normalised text, or None."""
    if "\0" in content:
        return "Messages can't contain NUL characters."
    if len(content) > LONGEST:
        return f"Messages can have at most {LONGEST:,} characters."
    if not shows(content):
        return "Messages can't be empty."
    return None
