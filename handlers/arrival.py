"""From a request's head to its handler: one look at the routes, one object, one task.

In Tornado's own way that is two delegates, three routers, and a coroutine around the handler's.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tornado.escape import url_unescape
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import RequestHandler

from http1.parser import MOST_QUERY_BYTES

if TYPE_CHECKING:
    from handlers.application import Messenger


_CALLBACK = re.compile(r"/api/oauth/[^/]+/callback")
CALLBACK_QUERY_BYTES = 8 * 1024  # a provider says at length why it refuses


def query_bytes(path: str) -> int:
    """The most that the query of a request for `path` may have."""
    return CALLBACK_QUERY_BYTES if _CALLBACK.fullmatch(path) else MOST_QUERY_BYTES


class Found(NamedTuple):
    """Which handler it is, what that is made with, and what the path says to its method."""

    handler: type[RequestHandler]
    made_with: dict[str, Any]
    path_args: Sequence[bytes]  # as UTF-8, or what should be that


class Router:
    """Routes are tried in their order, and the last one takes every path."""

    def __init__(self, routes: Sequence[tuple[str, type[RequestHandler]]]) -> None:
        self._routes = [(re.compile(pattern), handler) for pattern, handler in routes]

    def find(self, path: str) -> Found:
        for pattern, handler in self._routes:
            if (match := pattern.fullmatch(path)) is not None:
                args = [url_unescape(arg, encoding=None, plus=False) for arg in match.groups()]
                return Found(handler, {}, args)
        raise LookupError(path)


class Request(HTTPServerRequest):
    """Tornado's, but for forms: a body is JSON, or it is refused and never parsed."""

    def _parse_body(self) -> None:
        """Does nothing in place of what takes milliseconds, before the handler begins."""


class Arrival(HTTPMessageDelegate):
    """A request while it comes in; what is not to be read further raises `HTTPInputError`."""

    def __init__(self, app: Messenger, connection: HTTPConnection) -> None:
        self._app = app
        self._connection = connection

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        assert isinstance(start_line, RequestStartLine)
        self._request = Request(start_line=start_line, headers=headers, connection=self._connection)
        self._found = self._app.find(self._request)

    def data_received(self, chunk: bytes) -> None:
        self._request.body += chunk

    def finish(self) -> None:
        kind, made_with, path_args = self._found
        handler = kind(self._app, self._request, **made_with)
        task = asyncio.get_running_loop().create_task(handler._execute([], *path_args))
        task.add_done_callback(_tell_of_failure)


def _tell_of_failure(task: asyncio.Task[None]) -> None:
    """To the loop, which logs it; handlers see to all failures of their own."""
    if not task.cancelled():
        task.result()
