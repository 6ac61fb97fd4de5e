"""Texts that break pages: some chosen by hand in `hostile_strings.json`, others generated."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from handlers import content

PICKED: dict[str, list[str]] = json.loads(
    (Path(__file__).parents[1] / "data" / "hostile_strings.json").read_text()
)
ONLY_IN_ANSWERS = "only in answers"  # the API refuses all of these; a page must not rely on that

LONGEST = 4000
SCRIPT = "<img src=x onerror=pwned()>"
CONTROLS = [chr(n) for n in (*range(1, 0x20), *range(0x7F, 0xA0))]
BIDI_AND_HIDDEN = [
    *"\u061c\u00ad\u034f\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029",
    *"\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069",
    *"\u206a\u206f\ufe00\ufe0f\ufeff\ufff9\ufffa\ufffb\ufffc\U000e0001\U000e0020\U000e007f",
]
ELEMENTS = "a area body button embed frame html iframe img input link math object script style svg"
HANDLERS = "onload onerror onclick onfocus onmouseover onanimationstart onpointerrawupdate"
EDGES = [LONGEST - 1, LONGEST]  # code points


def sendable() -> list[str]:
    """Returns those that the API accepts as a message; adds a letter to invisible ones."""
    picked = [text for name, texts in PICKED.items() if name != ONLY_IN_ANSWERS for text in texts]
    texts = [*picked, *_generated()]
    return _each_once([f"{text}x" if content.error(text) else text for text in texts])


def of_answers() -> list[str]:
    return PICKED[ONLY_IN_ANSWERS]


def _generated() -> Iterator[str]:
    for control in CONTROLS:
        yield f"a{control}b"
        yield f"<img{control}src=x{control}onerror=pwned()>"
    for hidden in BIDI_AND_HIDDEN:
        yield f"john{hidden}doe.gpj"
        yield f"http://a.example/{hidden}b"
        yield f"java{hidden}script:pwned()"
    for element, handler in product(ELEMENTS.split(), HANDLERS.split()):
        yield f"<{element} {handler}=pwned() autofocus tabindex=1>x</{element}>"
    for byte in range(0x20):
        yield f"http://a/%{byte:02X}{SCRIPT}%{byte:02X}"
    for accents in (10, 100, LONGEST - 1):
        yield "z" + "\u0322\u0489\u033f" * (accents // 3)
    for length, letter in product(EDGES, ("a", "\U0001f600", "\u4f60", "`", "<", "&", "\u202e")):
        yield "a" + letter * (length - 1)
    yield "http://a/" + "b" * (LONGEST - 9)
    yield "http://a/" + ")" * (LONGEST - 9)
    yield "http://" * (LONGEST // 7)
    yield "`a`" * (LONGEST // 3)
    yield "a" + "\n" * (LONGEST - 2) + "b"
    yield "a\n" * (LONGEST // 2 - 1) + "b"
    yield SCRIPT * (LONGEST // len(SCRIPT))


def _each_once(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(texts))
