"""The head parser reads what Tornado's own parser reads, or refuses it."""

import re
import time
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders, HTTPInputError

from http1 import head

Found = TypeVar("Found")

NAMES = st.sampled_from(["Host", "host", "X-Long-Name", "ACCEPT", "a", "", "b d", "é", "x:y"])
TEXT = st.text(st.sampled_from(list("ab ,;:\t\r\n\x00\x0b\x1f\x7f\x85\xa0\xff")), max_size=6)
SEPARATORS = st.sampled_from([":", ": ", ":\t ", " :", "", "::"])
ENDS = st.sampled_from(["\r\n", "\n", "\r\r\n", "\r", ""])
LINES = st.tuples(NAMES, SEPARATORS, TEXT, ENDS).map("".join)


def or_refused(read: Callable[[str], Found], lines: str) -> Found | None:
    try:
        return read(lines)
    except HTTPInputError:
        return None


@given(st.lists(LINES, max_size=5).map("".join))
@example("Host: a\r\nhost: b\r\n")
@example("X: a\r\n folded\r\n")
@example("X: a\r\n\tfolded: b\r\n")
@example("bad name: good\r\n")
@example("\rX: a\r\n")
@example("X:\r\nX:  \t \r\n")
def test_fields_equal_those_that_tornado_finds(lines: str) -> None:
    if re.search(r"(?<!\r)\n", lines):
        assert or_refused(head.fields, lines + "\r\n") is None  # Tornado accepts a bare LF
        return
    if "\n\r\n" in f"\n{lines}":
        return  # the head would have ended there
    if lines and not lines.endswith("\n"):
        lines += "\r\n"
    found = or_refused(head.fields, lines + "\r\n")
    expected = or_refused(HTTPHeaders.parse, lines + "\r\n")
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert list(found.get_all()) == list(expected.get_all())


@pytest.mark.parametrize("filled_with", [" ", "\t", "a", "a ", ":", "\xa0"])
@pytest.mark.parametrize("end", ["\r\n", "\x00\r\n", "\r\r\n"], ids=ascii)
def test_a_long_line_is_read_in_a_short_time(filled_with: str, end: str) -> None:
    lines = "X:" + filled_with * (16_000 // len(filled_with)) + end + "\r\n"
    began = time.process_time()
    or_refused(head.fields, lines)
    assert time.process_time() - began < 0.2  # a parser that rereads it takes seconds


@pytest.mark.parametrize(
    ("said", "length"),
    [("0", 0), ("17", 17), ("1, 1", 1), ("1,1,\t 1", 1), ("01,01", 1), ("9" * 18, 10**18 - 1)],
)
def test_a_valid_length_is_accepted(said: str, length: int) -> None:
    assert head.framing("HTTP/1.1", HTTPHeaders({"Content-Length": said})) == (False, length)


@pytest.mark.parametrize(
    "said", ["", "1,2", "1,11", "11,1", "1,", ",1", "1 ,1", "1,01", "+1", "1_0", "9" * 19, "٣"]
)
def test_an_ambiguous_length_is_refused(said: str) -> None:
    with pytest.raises(HTTPInputError):
        head.framing("HTTP/1.1", HTTPHeaders({"Content-Length": said}))
