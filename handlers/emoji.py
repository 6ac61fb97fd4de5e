"""The emoji that people can react with: the RGI set of Unicode, in `emoji.txt`.

`tools/emoji.py` writes that file. See docs/decisions.
"""

import re
from functools import cache
from pathlib import Path

_LIST = Path(__file__).with_name("emoji.txt")
_VARIATION = "\ufe0f"  # asks for the colourful form; many keyboards leave it out
_SPELLING = re.compile(rf"(?:[^{_VARIATION}]{_VARIATION}?)+")


def fully_qualified(text: str) -> str | None:
    """Returns the emoji with all U+FE0F that it should have. None: the text is not one emoji."""
    if not _SPELLING.fullmatch(text):
        return None
    return _known().get(text.replace(_VARIATION, ""))


@cache
def _known() -> dict[str, str]:
    """Returns all emoji, by their text without U+FE0F."""
    listed = _LIST.read_text(encoding="utf-8").split()
    return {text.replace(_VARIATION, ""): text for text in listed}
