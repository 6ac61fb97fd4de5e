"""Reads headers such as `Accept`: lists with weights (RFC 9110, section 12.4.2).

The regular expressions do not backtrack. So the time for a list grows only with its length.
"""

import re

# Matches `q=0`, also with blanks that the grammar does not allow.
_WEIGHT_OF_ZERO = re.compile(r";[ \t]*+q[ \t]*+=[ \t]*+0*+(?:\.0*+)?[ \t]*+(?:;|\Z)", re.IGNORECASE)


class Preference:
    """Looks for an item that matches the expression `name`, with a weight above zero."""

    def __init__(self, name: str) -> None:
        self._item = re.compile(
            rf"(?:^|,)[ \t]*+(?:{name})[ \t]*+(?![^,;])(;[^,]*+)?", re.IGNORECASE
        )

    def is_in(self, header: str) -> bool:
        return any(
            not _WEIGHT_OF_ZERO.search(item[1] or "") for item in self._item.finditer(header)
        )
