"""Serialises the head of a response, from its status line to the empty line."""

import time
from collections.abc import Mapping

from tornado.httputil import HTTPHeaders, ResponseStartLine, format_timestamp


class Common:
    """The headers that all responses share, and the date. Serialised at most once a second."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._second = 0
        self._written = b""

    def written(self) -> bytes:
        """Returns the header lines and the empty line that ends the head."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            text = f"{self._lines}Date: {format_timestamp(second)}\r\n\r\n"
            self._written = text.encode("latin-1")
        return self._written


def head(start_line: ResponseStartLine, headers: HTTPHeaders, common: Common) -> bytes:
    """Returns the status line and all headers. Raises `ValueError` for CR or LF in a header."""
    lines = [f"{name}: {value}" for name, value in headers.get_all()]
    lines.insert(0, f"HTTP/1.1 {start_line.code} {start_line.reason}")
    lines.append("")
    text = "\r\n".join(lines)
    if text.count("\n") >= len(lines) or text.count("\r") >= len(lines):
        raise ValueError("a header would end its line")
    return text.encode("latin-1") + common.written()
