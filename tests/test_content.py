"""How the server normalizes a message's text, and that the page does the same."""

import json
import random
import shutil
import subprocess
import sys
import unicodedata

import pytest

from handlers.content import LONGEST, error, normalised
from tests.support.processes import ROOT
from tests.support.rules import rule

SPACES = [chr(n) for n in range(sys.maxunicode + 1) if chr(n).isspace()]
HIDDEN = [*"\u00ad\u034f\u115f\u180e\u200b\u200d\u2060\u2800\u3164\ufe0f\ufeff\uffa0", "\U000e0041"]
LETTERS = [*"ab<&`", "\r", "\r\n", "\n", "\U0001f600", "\u0301", "\x01", "\x7f"]

SCRIPT = """
    import { contentOf } from "./static/lib/content.js";
    import { readFileSync } from "node:fs";
    const texts = JSON.parse(readFileSync(0, "utf8"));
    console.log(JSON.stringify(texts.map(contentOf)));
"""


def texts() -> list[str]:
    drawn = random.Random(12)
    pieces = [*SPACES, *HIDDEN, *LETTERS, *["\n", " ", "\t", "\r\n"] * 5]
    return ["".join(drawn.choices(pieces, k=drawn.randrange(9))) for _ in range(5000)]


@rule("api#content")
def test_the_first_line_with_text_keeps_its_indentation_and_all_inside_stays() -> None:
    for text in texts():
        kept = normalised(text)
        lines = text.replace("\r\n", "\n").rstrip().split("\n")
        while lines and not lines[0].strip():
            del lines[0]
        assert kept == "\n".join(lines)


@rule("api#content-refused")
def test_only_invisible_texts_are_refused() -> None:
    for text in [*SPACES, *HIDDEN, "".join(HIDDEN + SPACES), ""]:
        assert error(normalised(text)) is not None, ascii(text)
    for text in ("a", "\u200ba", " \u2800.", "\x01", "\u0301", "\U0001f600\ufe0f", "\ufffd"):
        assert error(normalised(text)) is None, ascii(text)
    assert error("a" * LONGEST) is None
    assert error("a" * (LONGEST + 1)) is not None


def test_invisible_format_characters_are_refused() -> None:
    """Covers category Cf, except the few characters that are drawn, and all tags and selectors."""
    drawn = "ARABIC|SYRIAC|KAITHI|EGYPTIAN|INTERLINEAR|SHORTHAND|MUSICAL"
    for n in [*range(0x20, 0x110000, 1)]:
        name = unicodedata.name(chr(n), "")
        hidden = unicodedata.category(chr(n)) == "Cf" or "VARIATION SELECTOR" in name
        if hidden and not any(word in name for word in drawn.split("|")):
            assert error(chr(n)) is not None, (hex(n), name)


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node here: make test sees to it")
def test_the_page_normalizes_a_text_as_the_server_does() -> None:
    given = texts()
    asked = subprocess.run(
        ["node", "--input-type=module", "-e", SCRIPT],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    kept = [normalised(text) for text in given]
    expected = ["" if error(text) else text for text in kept]
    assert json.loads(asked.stdout) == expected
