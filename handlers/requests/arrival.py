"""Finds and runs the handler of a request, with one route look-up, one object and one task.

Tornado uses two delegates, three routers and an additional coroutine for this.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from tornado.escape import url_unescape
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import Application, RequestHandler

from http1.head import LONGEST_HOST, ProtocolError
from http1.parser import MOST_QUERY_BYTES

if TYPE_CHECKING:
    from handlers.requests.base import Handler
    from http1.connection import Connection


_CALLBACK = re.compile(r"/api/oauth/[^/]+/callback")
CALLBACK_QUERY_BYTES = 8 * 1024  # a provider may send a long error description
LONGEST_DECODED = 1024  # characters of a path; no name and no id of ours is longer


def query_bytes(path: str) -> int:
    """Returns the largest size of the query in a request for `path`."""
    return CALLBACK_QUERY_BYTES if _CALLBACK.fullmatch(path) else MOST_QUERY_BYTES


class RouteMatch(NamedTuple):
    """The handler of a request, and its arguments."""

    handler: type[RequestHandler]
    init_kwargs: dict[str, Any]
    path_args: Sequence[str]  # still percent-encoded


class Router:
    """Tries the routes in order. The last one must match every path."""

    def __init__(self, routes: Sequence[tuple[str, type[RequestHandler]]]) -> None:
        self._routes = [(re.compile(pattern), handler) for pattern, handler in routes]

    def find(self, path: str) -> RouteMatch:
        for pattern, handler in self._routes:
            if (match := pattern.fullmatch(path)) is not None:
                return RouteMatch(handler, {}, match.groups())
        raise LookupError(path)


class Request(HTTPServerRequest):
    """A request without form parsing."""

    def _parse_body(self) -> None:
        """Does nothing. Tornado would parse forms before the handler checks the media type."""


class App(Protocol):
    """The application, as a request sees it."""

    def find(self, request: HTTPServerRequest) -> RouteMatch: ...

    def request_started(self, handler: Handler, client: Hashable) -> None: ...


class RequestDelegate(HTTPMessageDelegate):
    """Receives one request. Raises `HTTPInputError` for input that must not be read further."""

    def __init__(self, app: App, connection: Connection) -> None:
        self._app = app
        self._connection = connection

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Makes the handler and enters the fair queue.

        The connection reads the body when the returned future is done; None means at once.
        """
        assert isinstance(start_line, RequestStartLine)
        _check_host(start_line.path, headers)
        request = Request(
            start_line=start_line,
            headers=headers,
            connection=self._connection,  # type: ignore[arg-type]
        )
        kind, init_kwargs, self._path_args = self._app.find(request)
        self._handler = cast(
            "Handler", kind(cast("Application", self._app), request, **init_kwargs)
        )
        self._connection.client = self._handler.client()
        self._app.request_started(self._handler, self._connection.client)
        slot = self._handler.slot
        if slot is not None and slot.waits:
            assert slot.decided is not None
            slot.decided.add_done_callback(self._slot_decided)
            return slot.decided
        self._slot_decided()
        return None

    def data_received(self, chunk: bytes) -> None:
        self._handler.request.body += chunk

    def finish(self) -> None:
        task = asyncio.get_running_loop().create_task(self._execute())
        task.add_done_callback(_tell_of_failure)

    def _slot_decided(self, _: object = None) -> None:
        slot = self._handler.slot
        if slot is not None and slot.refusal is not None:
            self._connection.skip_body()
            self._path_args = ()

    async def _execute(self) -> None:
        slot = self._handler.slot
        args = [_decoded(arg) for arg in self._path_args]
        answer = self._handler._execute([], *args)
        if slot is None:
            await answer
            return
        with slot:
            await slot.timed(answer)
            slot.seconds += self._connection.read_seconds
            slot.sent_bytes = self._connection.sent_bytes
        if slot.decided is not None:
            self._connection.drained().add_done_callback(lambda _: slot.taken())


def _decoded(part: str) -> bytes:
    """Decodes the escapes of a part of the path, unless it is too long to be found anyway.

    To decode thousands of escapes would take longer than the rest of the request.
    """
    if len(part) > LONGEST_DECODED:
        return part.encode()
    return url_unescape(part, encoding=None, plus=False)


def _check_host(path: str, headers: HTTPHeaders) -> None:
    """Adds a `Host` to health checks without one. Raises `ProtocolError` for a long `Host`."""
    host = headers.get("Host")
    if not host and path.startswith("/health/"):
        headers["Host"] = "localhost"
    elif host is not None and len(host) > LONGEST_HOST:
        raise ProtocolError(400, "The Host is too long")


def _tell_of_failure(task: asyncio.Task[None]) -> None:
    """Re-raises the task's exception, which the loop logs. Handlers catch all of their own."""
    if not task.cancelled():
        task.result()
