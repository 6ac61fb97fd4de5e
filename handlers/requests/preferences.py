"""What a client prefers: lists such as `Accept`, with weights (RFC 9110, section 12.4.2).

Each is read by one expression, which tries nothing in a second way: a list of thousands of items
costs no more than its bytes.
"""

import re

# Of `q=0`, with blanks where a sloppy client may have them.
_WEIGHT_OF_ZERO = re.compile(r";[ \t]*+q[ \t]*+=[ \t]*+0*+(?:\.0*+)?[ \t]*+(?:;|\Z)", re.IGNORECASE)


class Preference:
    """Whether a list names one thing, and not with a weight of zero; `name` is an expression."""

    def __init__(self, name: str) -> None:
        self._item = re.compile(
            rf"(?:^|,)[ \t]*+(?:{name})[ \t]*+(?![^,;])(;[^,]*+)?", re.IGNORECASE
        )

    def is_in(self, header: str) -> bool:
        return any(
            not _WEIGHT_OF_ZERO.search(item[1] or "") for item in self._item.finditer(header)
        )
