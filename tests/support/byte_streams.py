"""Streams of requests as bytes, with small mutations: the same ones for the same seed."""

import random
from collections.abc import Iterator

HOST = b"Host: localhost\r\n"
CHUNKED = b"POST /api/login HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
REQUESTS = [
    b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /a?b=c&d=%20 HTTP/1.1\r\nhost:localhost\r\nAccept: */*\r\nX-Empty:\r\n\r\n",
    b"HEAD /health/live HTTP/1.0\r\n\r\n",
    b"GET http://localhost:8000/a?b HTTP/1.1\r\n" + HOST + b"\r\n",
    b"\r\nDELETE /api/sessions HTTP/1.1\r\n" + HOST + b"Cookie: a=b; c=d\r\nCookie: e=f\r\n\r\n",
    b"POST /api/login HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nConnection: keep-alive\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    CHUNKED + b'5;a=b\r\nhello\r\n3;c;d="e"\r\nyou\r\n00\r\n\r\n',
    CHUNKED + b"A\r\n0123456789\r\n0\r\nTrailer: x\r\nAnother: \r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + HOST + b"X-Tab:\ta\tb \r\nX-High: \xc3\xa9\r\n\r\n",
]
_PIECES = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b"\0",
        b"0",
        b"1",
        b"f",
        b"\x80",
        b"\x0b",
    ),
    *(b"\r\n\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    *(
        b"chunked",
        b"identity, ",
        b"Host: a\r\n",
        b" HTTP/1.1",
        b"HTTP/1.0",
        b"?",
        b"#",
        b"@",
        b"http://",
    ),
]


def mutated(number: int, seed: int = 12) -> Iterator[bytes]:
    """Yields streams of one to three requests, each with up to three mutations."""
    chance = random.Random(seed)
    for _ in range(number):
        stream = b"".join(chance.choices(REQUESTS, k=chance.randint(1, 3)))
        for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
            stream = _mutate(stream, chance)
        yield stream


def cut(stream: bytes, chance: random.Random) -> list[bytes]:
    """Cuts the stream into up to nine pieces."""
    places = sorted(chance.choices(range(len(stream) + 1), k=chance.randint(1, 8)))
    return [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]


def _mutate(stream: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(stream) + 1)
    until = min(len(stream), at + chance.choice([1, 1, 1, 2, 8, 40]))
    piece = chance.choice(_PIECES)
    return chance.choice(
        [
            stream[:at] + piece + stream[at:],
            stream[:at] + piece + stream[until:],
            stream[:at] + stream[until:],
            stream[:until] + stream[at:],
            stream[:at] + bytes([chance.randrange(256)]) + stream[at + 1 :],
            stream[:at],
        ]
    )
