"""The Tornado application: finds the handler of each request, and logs and counts responses."""

from collections.abc import Hashable, Sequence
from typing import Any, cast

from tornado.httputil import HTTPConnection, HTTPServerRequest
from tornado.web import Application, RequestHandler

from handlers.describing import asyncapi, openapi
from handlers.requests import logs, problems
from handlers.requests.arrival import RequestDelegate, RouteMatch, Router
from handlers.requests.base import Handler, Refusal
from handlers.requests.limits import network
from handlers.requests.services import Services
from handlers.stream import StreamHandler
from http1.connection import Connection


class Messenger(Application):
    """Routes requests to handlers. Handlers use `services`."""

    def __init__(self, services: Services, routes: Sequence[Any]) -> None:
        super().__init__()
        self.services = services
        self._router = Router(routes)
        # Built here, so that the server does not start if a route has no description.
        services.openapi = openapi.encoded(tuple(routes))
        services.asyncapi = asyncapi.encoded()
        self._refused_input = logs.RefusedInput()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> RequestDelegate:
        return RequestDelegate(self, cast("Connection", request_conn))

    def find(self, request: HTTPServerRequest) -> RouteMatch:
        """Returns the handler of a request, after applying the headers of trusted proxies."""
        services = self.services
        if services.proxies:
            services.proxies.look_through(request)
        refusal: problems.Problem | None = None
        if "Host" not in request.headers:  # HTTP/1.0; Tornado refuses it in HTTP/1.1
            refusal = problems.BadRequest("The request has no Host header.", "missing_host")
        elif not request.path.startswith("/health/") and not services.hosts.serves(request.host):
            refusal = problems.Misdirected()
        if refusal is not None:
            return RouteMatch(Refusal, {"problem": refusal}, [])
        return self._router.find(request.path)

    def request_started(self, handler: Handler, client: Hashable) -> None:
        """Enters the request into the fair queue. Health checks and metrics never wait."""
        self.services.in_flight.add(handler)
        path = handler.request.path
        if path.startswith("/health/") or path == "/metrics":
            return
        handler.slot = self.services.fair_queue.enter(
            client,
            handler.cost,
            answer_bytes=handler.answer_bytes if handler.request.method == "GET" else 0,
            is_refusable=handler.is_refusable,
        )

    def input_refused(self, status: int, remote_ip: str) -> None:
        """Counts and logs the answer to input that is not a request."""
        self.services.metrics.refused(status)
        self._refused_input.log(status, remote_ip)

    def connection_address(self, remote_ip: str) -> str | None:
        """Returns the address that is charged for a connection; None for a trusted proxy."""
        return None if self.services.proxies.trusts(remote_ip) else network(remote_ip)

    def log_request(self, handler: RequestHandler) -> None:
        request, status = handler.request, handler.get_status()
        seconds = None if isinstance(handler, StreamHandler) else request.request_time()
        self.services.metrics.answered(request.method or "", status, seconds)
        claims = getattr(handler, "me", None)
        user_id = None if claims is None else claims.user_id
        logs.log_request(request, status, user_id, cast("Handler", handler).request_id)
