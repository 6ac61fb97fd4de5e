"""The base class of all handlers: first checks, error answers, and logging of errors."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Hashable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, cast

from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import Finish, HTTPError, RequestHandler

from config import Config
from db.errors import DatabaseError, Upgrading
from handlers.requests import logs, problems
from handlers.requests.fair_queue import Slot
from handlers.requests.limits import network
from handlers.requests.services import Services
from handlers.requests.tokens import Claims, Refused

if TYPE_CHECKING:
    from http1.connection import Connection

SAFE_METHODS = frozenset({"GET", "HEAD"})
STRICT_TRANSPORT_SECURITY = "max-age=31536000"  # a year; subdomains may belong to other servers

_KNOWN_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_log = logging.getLogger("messenger")


class _AnyMethod(tuple[str, ...]):
    """Contains every method. Tornado checks it before `prepare`, which refuses in its own order."""

    __slots__ = ()

    def __contains__(self, _: object) -> bool:
        return True


def _method(kind: type[RequestHandler], name: str) -> object:
    return getattr(kind, name.lower())


def common_headers(config: Config) -> dict[str, str]:
    """Returns the headers of every response, also of one to input that is not a request."""
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    if config.secure:
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
    return headers


class Handler(RequestHandler):
    """Refuses in the order of docs/api.md: unknown route, wrong method, page of another site."""

    SUPPORTED_METHODS = _AnyMethod(_KNOWN_METHODS)
    _methods: list[str]
    other_sites_may_read = True  # without CORS headers, browsers hide the answer from their pages

    cost: float = 1.0  # in the client's budget of requests
    is_refusable = True  # if too many requests of the client are queued
    answer_bytes = 64 * 1024  # the largest answer to GET

    slot: Slot | None = None  # in the fair queue; None: the request never waits
    _claims: list[Claims] | None = None  # the result of `presented_claims`
    _request_id: str | None = None

    @property
    def services(self) -> Services:
        return cast("Services", self.application.services)  # type: ignore[attr-defined]

    @property
    def request_id(self) -> str:
        """The id from a trusted proxy, or a new one."""
        if self._request_id is None:
            self._request_id = logs.new_request_id()
        return self._request_id

    def clear(self) -> None:
        """Resets the response like Tornado, without the headers that `common_headers` replaces."""
        self._headers = HTTPHeaders()
        self.set_default_headers()
        self._write_buffer = []
        self._status_code, self._reason = 200, "OK"

    def prepare(self) -> Awaitable[None] | None:
        """Makes the first checks. Tornado awaits the returned value."""
        if self.services.proxies:
            self._request_id = self.request.headers.get("X-Request-Id")
        if self.slot is not None and self.slot.refusal is not None:
            raise self.slot.refusal
        if self.request.method in SAFE_METHODS and self._has_hung_up():
            self._give_up()
        self._check()
        return None

    def _has_hung_up(self) -> bool:
        return cast("Connection", self.request.connection).closed()

    def _give_up(self) -> NoReturn:
        """Ends the request without an answer, because the client has disconnected."""
        self.set_status(499, "Client Closed Request")  # the status of nginx, only for the log
        raise Finish

    def client(self) -> Hashable:
        """Returns the user or address whose budget pays for the request."""
        try:
            for claims in self.presented_claims():
                # The token of an ended session may be stolen: its sender must not use the budget.
                if not self.services.sessions.has_ended(claims.session_id):
                    return claims.user_id
        except Exception:  # `prepare` answers the error later
            _log.debug("a request from %s names no user", self.request.remote_ip, exc_info=True)
        return network(self.request.remote_ip)

    def presented_claims(self) -> list[Claims]:
        """Returns the claims of the valid tokens. Their sessions may have ended."""
        if self._claims is None:
            self._claims = self._read_tokens()
        return self._claims

    def _read_tokens(self) -> list[Claims]:
        found = []
        for token in self.presented_tokens():
            try:
                found.append(self.services.tokens.read(token))
            except Refused:
                continue
        return found

    def presented_tokens(self) -> list[str]:
        """Returns the tokens of the `Authorization` header, or else of the cookie, unchecked."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return [token.strip()]
        return self.services.session_cookie.values(self.request.headers)

    def _check(self) -> None:
        self.check_route()
        if self.request.method not in self.allowed_methods():
            raise problems.MethodNotAllowed(self.allowed_methods())
        self.check_source()

    def check_source(self) -> None:
        """Raises `problems.Forbidden` if a page of another site may not send this request."""
        if self.request.method not in SAFE_METHODS or not self.other_sites_may_read:
            self._refuse_other_sites()

    def check_route(self) -> None:
        """Raises `problems.NotFound` if the route does not exist for this request."""

    def __init_subclass__(cls) -> None:
        """Collects the methods that the class implements. HEAD needs GET."""
        super().__init_subclass__()
        names = [m for m in _KNOWN_METHODS if _method(cls, m) is not _method(RequestHandler, m)]
        cls._methods = [m for m in names if m != "HEAD" or "GET" in names]

    def allowed_methods(self) -> list[str]:
        return self._methods

    def on_finish(self) -> None:
        self.services.in_flight.discard(self)

    def on_connection_close(self) -> None:
        """Cancels the slot of a queued request. A request that has begun continues."""
        if self.slot is not None:
            self.slot.cancel()
        self.services.in_flight.discard(self)

    def compute_etag(self) -> str | None:
        return None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        exc_info = kwargs.get("exc_info")
        problem = _problem(status_code, exc_info)
        if exc_info and exc_info[1] is not None:
            # Its frames refer to this handler: a refusal that the handler or its slot keeps would
            # be a cycle, which only the garbage collector frees.
            exc_info[1].__traceback__ = None
        for name, value in problem.headers.items():
            self.set_header(name, value)
        if problem.status >= 500:
            self.set_header("X-Request-ID", self.request_id)  # finds its lines in the log
        self.set_header("Content-Type", "application/problem+json")
        self.set_header("Cache-Control", "no-store")
        self.set_status(problem.status)
        self.finish(problem.body())

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if isinstance(value, DatabaseError):
            _log.warning("%s: %s (%s)", self._request_summary(), value, self.request_id)
        elif not isinstance(value, HTTPError | StreamClosedError):
            # Tornado's own message would include the query.
            failed = (typ, value, tb) if typ is not None and value is not None else None
            _log.error("%s failed (%s)", self._request_summary(), self.request_id, exc_info=failed)

    def _request_summary(self) -> str:
        """Returns method and path, without the query, which may hold a token."""
        method = (self.request.method or "")[: logs.LONGEST_METHOD]
        return f"{method} {logs.shown(self.request.path)}"

    def _refuse_other_sites(self) -> None:
        """Checks Fetch metadata, and `Origin` for older browsers. Programs send neither."""
        site = self.request.headers.get("Sec-Fetch-Site", "none").strip().lower()
        origin = self.request.headers.get("Origin")
        if site in ("cross-site", "same-site") or (
            origin is not None and not self.services.hosts.trusts(origin, self.request.host)
        ):
            raise problems.Forbidden("cross_site", "Pages on other sites can't do this.")


class Refusal(Handler):
    """Answers every request with one problem."""

    def initialize(self, problem: problems.Problem) -> None:
        self._problem = problem

    def check_route(self) -> None:
        raise self._problem


def _problem(status: int, exc_info: Any) -> problems.Problem:
    error = exc_info[1] if exc_info else None
    if isinstance(error, problems.Problem):
        return error
    if isinstance(error, Upgrading):
        return problems.BeingUpgraded()
    if isinstance(error, DatabaseError):
        return problems.DatabaseUnavailable()
    if isinstance(error, HTTPError) and status < 500:
        return problems.Framework(status)
    return problems.Internal()
