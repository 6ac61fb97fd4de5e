"""Requests that try to cost the server much: one table for all tests that send them.

`TOKEN` stands for a good token. `WAITS` marks a request that is read, and then waits for its slot.
"""

import base64
from typing import NamedTuple

WAITS = None
HOST = b"Host: localhost\r\n"
MINE = HOST + b"Authorization: Bearer TOKEN\r\n"
JSON = b"Content-Type: application/json\r\n"
SEND = b"/api/conversations/1/messages"
DEEP = base64.urlsafe_b64encode(b'{"a":' + b"[" * 5000).rstrip(b"=")


class Hostile(NamedTuple):
    sent: bytes
    refused: int | None = WAITS  # refused by the HTTP layer, with this status


def get(target: bytes, headers: bytes = b"", *, host: bytes = HOST) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + host + headers + b"\r\n"


def post(body: bytes, headers: bytes = JSON, path: bytes = SEND) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + path + b" HTTP/1.1\r\n" + MINE + headers + length + b"\r\n" + body


def chunked(train: bytes) -> bytes:
    headers = MINE + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
    return b"POST " + SEND + b" HTTP/1.1\r\n" + headers + train


def filled(with_: bytes, most: int = 15_000) -> bytes:
    return with_ * (most // len(with_))


HOSTILE: dict[str, Hostile] = {
    # Targets.
    "a path of 7,500 segments": Hostile(get(filled(b"/a") + b"/x.x")),
    "a path of dots": Hostile(get(filled(b"/..") + b"/x.x")),
    "a path of high bytes": Hostile(get(b"/" + filled(b"\xe9"))),
    "a path of escapes": Hostile(get(b"/" + filled(b"%ff"))),
    "a path that is no UTF-8": Hostile(get(b"/%ff")),
    "an id of 15,000 digits": Hostile(get(b"/api/conversations/" + filled(b"1"))),
    "a picture's name, almost": Hostile(get(b"/avatars/" + filled(b"a") + b".png")),
    "a target in absolute form": Hostile(get(b"http://localhost" + filled(b"/a"))),
    "an authority of 15,000 bytes": Hostile(get(b"http://" + filled(b"a") + b"/"), 400),
    "a query of 2 KiB": Hostile(get(b"/?" + b"x" * 2048)),
    "a query of more": Hostile(get(b"/?" + b"x" * 2049), 414),
    "a query of 15,000 bytes": Hostile(get(b"/?" + filled(b"x")), 414),
    "a query of 20 fields": Hostile(get(b"/?" + filled(b"a=%20&", 114) + b"a=b")),
    "a query of 999 fields": Hostile(get(b"/?" + b"a&" * 999), 414),
    "a query of escapes": Hostile(get(b"/?a=" + filled(b"%25", 2000))),
    "a limit of 2,000 digits": Hostile(get(SEND + b"?limit=" + b"9" * 2000, host=MINE)),
    "a cursor of 2,000 letters": Hostile(get(SEND + b"?cursor=" + b"A" * 2000, host=MINE)),
    "a token that is no UTF-8": Hostile(get(b"/api/messages?token=%ff")),
    "a search for 1,900 signs": Hostile(get(b"/api/usernames?search=" + b"%25" * 600, host=MINE)),
    "a method of 15,000 letters": Hostile(b"BREW" * 3750 + b" / HTTP/1.1\r\n" + HOST + b"\r\n"),
    # Heads.
    "128 headers": Hostile(get(b"/", b"X: y\r\n" * 127)),
    "129 headers": Hostile(get(b"/", b"X: y\r\n" * 128), 431),
    "headers of 17 KB": Hostile(get(b"/", b"X: " + b"y" * 17_000 + b"\r\n"), 431),
    "127 different headers": Hostile(
        get(b"/", b"".join(b"X%03d" % n + b"-y" * 30 + b": z\r\n" for n in range(127)))
    ),
    "a name of hyphens": Hostile(get(b"/", filled(b"-") + b": x\r\n")),
    "a name of words": Hostile(get(b"/", filled(b"a-") + b": x\r\n")),
    "a value of spaces": Hostile(get(b"/", b"X:" + filled(b" ") + b"y\r\n")),
    "a value of tabs before a NUL": Hostile(get(b"/", b"X:" + filled(b"\t") + b"\0\r\n"), 400),
    "empty lines before": Hostile(filled(b"\r\n") + get(b"/")),
    "a bare LF": Hostile(b"GET / HTTP/1.1\n", 400),
    "a host of 15,000 letters": Hostile(get(b"/", host=b"Host: " + filled(b"a") + b"\r\n"), 400),
    "a host of colons": Hostile(get(b"/", host=b"Host: " + filled(b":1") + b"\r\n"), 400),
    "3,600 cookies": Hostile(get(b"/", b"Cookie: " + filled(b"a=b;") + b"\r\n")),
    "cookies that are almost ours": Hostile(
        get(b"/", b"Cookie: " + filled(b"messenger-session=a.b.c; ") + b"\r\n")
    ),
    "a token of 14,000 letters": Hostile(
        get(b"/api/auth_user", b"Authorization: Bearer " + filled(b"a", 14_000) + b"\r\n")
    ),
    "a token of dots": Hostile(
        get(b"/api/auth_user", b"Authorization: Bearer " + filled(b".", 14_000) + b"\r\n")
    ),
    "a token of deep JSON": Hostile(
        get(b"/api/auth_user", b"Authorization: Bearer " + DEEP + b"." + DEEP + b".AAAA\r\n")
    ),
    "a Connection of 7,500 options": Hostile(get(b"/", b"Connection: " + filled(b"a,") + b"\r\n")),
    "a Connection of spaces": Hostile(get(b"/", b"Connection: " + filled(b", ") + b"close\r\n")),
    "an Accept of 1,000 types": Hostile(
        get(b"/api/messages", b"Accept: " + filled(b"text/a;q=0.5,") + b"\r\n", host=MINE)
    ),
    "an Accept of 7,500 commas": Hostile(
        get(b"/api/messages", b"Accept: " + filled(b",;") + b"\r\n", host=MINE)
    ),
    "an Accept-Encoding of 3,000 codings": Hostile(
        get(b"/app.js", b"Accept-Encoding: " + filled(b"br;q,") + b"\r\n")
    ),
    "an If-None-Match of 5,000 tags": Hostile(
        get(b"/app.js", b"If-None-Match: " + filled(b'"",') + b"\r\n")
    ),
    "an If-Modified-Since of nonsense": Hostile(
        get(b"/app.js", b"If-Modified-Since: " + filled(b"Sun, ") + b"\r\n")
    ),
    "a Range of 5,000 parts": Hostile(get(b"/app.js", b"Range: bytes=" + filled(b"0-,") + b"\r\n")),
    "an X-Forwarded-For of 2,000 hops": Hostile(
        get(b"/", b"X-Forwarded-For: " + filled(b"::1,10.1,") + b"\r\n")
    ),
    "an Origin of 15,000 letters": Hostile(
        post(b"{}", JSON + b"Origin: http://" + filled(b"a") + b"\r\n")
    ),
    "a Last-Event-ID of 15,000 digits": Hostile(
        get(
            b"/api/messages",
            b"Accept: text/event-stream\r\nLast-Event-ID: a-" + filled(b"1", 14_000) + b"\r\n",
            host=MINE,
        )
    ),
    "an X-User of 15,000 digits": Hostile(
        get(b"/api/auth_user", b"X-User: " + filled(b"1") + b"\r\n", host=MINE)
    ),
    "a Content-Type of parameters": Hostile(
        post(b"{}", b"Content-Type: application/json" + filled(b";a=b", 14_000) + b"\r\n")
    ),
    "a Content-Length of 5,000 equal ones": Hostile(
        get(b"/", b"Content-Length: 1" + filled(b", 1", 14_000) + b"\r\n") + b"x"
    ),
    "a Content-Length of 15,000 digits": Hostile(
        get(b"/", b"Content-Length: " + filled(b"1") + b"\r\n"), 400
    ),
    "a Transfer-Encoding of 3,000 codings": Hostile(
        get(b"/", b"Transfer-Encoding: " + filled(b"gzip,") + b"chunked\r\n"), 400
    ),
    # Bodies: the server reads none of them before the request has its slot.
    "a body of 60,000 chunks": Hostile(chunked(b"1\r\n \r\n" * 60_000 + b"0\r\n\r\n")),
    "extensions of 15,000 bytes": Hostile(chunked(b"1;" + filled(b"a=b;") + b"\r\n \r\n0\r\n\r\n")),
    "128 trailers": Hostile(chunked(b"0\r\n" + b"X: y\r\n" * 128 + b"\r\n")),
    "deep JSON": Hostile(post(b'{"content":' + b"[" * 60_000)),
    "a long number": Hostile(post(b'{"content":' + b"1" * 60_000 + b"}")),
    "a long fraction": Hostile(post(b'{"content":0.' + b"1" * 60_000 + b"e-9999}")),
    "lone surrogates": Hostile(post(b'{"content":"' + b"\\ud800" * 10_000 + b'"}')),
    "many keys": Hostile(post(b"{" + b'"a":1,' * 10_000 + b'"b":2}')),
    "many keys with lone surrogates": Hostile(
        post(b"{" + b"".join(b'"%d":"\\ud800",' % n for n in range(4000)) + b'"b":2}')
    ),
    "a content of escapes": Hostile(post(b'{"content":"' + b"\\u0001" * 10_000 + b'"}')),
    "a content of white space": Hostile(post(b'{"content":"' + b"\\u3000" * 10_000 + b'"}')),
    "a content of blank lines": Hostile(post(b'{"content":"' + b" \\n" * 20_000 + b'"}')),
    "a body that is no UTF-8": Hostile(post(b'{"content":"' + b"\xff" * 60_000 + b'"}')),
    "a form of 999 fields": Hostile(
        post(b"a=b&" * 999, b"Content-Type: application/x-www-form-urlencoded\r\n")
    ),
    "a form of 1,000 parts": Hostile(
        post(b"--x\r\n\r\na\r\n" * 5000, b"Content-Type: multipart/form-data; boundary=x\r\n")
    ),
}
