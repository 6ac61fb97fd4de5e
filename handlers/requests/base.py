"""What all handlers have in common: whom they answer at all, and how they refuse."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Hashable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, cast

from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import Finish, HTTPError, RequestHandler

from config import Config
from db.errors import DatabaseError
from handlers.requests import logs, problems
from handlers.requests.fair_queue import Slot
from handlers.requests.limits import network
from handlers.requests.services import Services
from handlers.requests.tokens import Claims, Refused

if TYPE_CHECKING:
    from http1.connection import Connection

SAFE_METHODS = frozenset({"GET", "HEAD"})
STRICT_TRANSPORT_SECURITY = "max-age=31536000"  # a year; other hosts of the domain are not ours

_KNOWN_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_log = logging.getLogger("messenger")


class _AnyMethod(tuple[str, ...]):
    """Tornado looks at this before `prepare`, where our own order of refusals begins."""

    __slots__ = ()

    def __contains__(self, _: object) -> bool:
        return True


def _method(kind: type[RequestHandler], name: str) -> object:
    return getattr(kind, name.lower())


def common_headers(config: Config) -> dict[str, str]:
    """Those of every answer, a refusal of what is no request among them."""
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    if config.secure:
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
    return headers


class Handler(RequestHandler):
    """Refuses in the order of docs/api.md: no such route, wrong method, another site's page."""

    SUPPORTED_METHODS = _AnyMethod(_KNOWN_METHODS)
    _methods: list[str]
    other_sites_may_read = True  # to read the answer is for CORS to allow, and there is no CORS

    cost: float = 1.0  # of the client's budget of requests
    is_refusable = True  # where too many of the client's requests wait
    answer_bytes = 64 * 1024  # the most that an answer to GET has

    slot: Slot | None = None  # in the queue of its client; None: it never waits
    _claims: list[Claims] | None = None  # what `presented_claims` found
    _request_id: str | None = None

    @property
    def services(self) -> Services:
        return cast("Services", self.application.services)  # type: ignore[attr-defined]

    @property
    def request_id(self) -> str:
        """A trusted proxy's, or one of ours."""
        if self._request_id is None:
            self._request_id = logs.new_request_id()
        return self._request_id

    def clear(self) -> None:
        """As Tornado's, without headers that we replace."""
        self._headers = HTTPHeaders()
        self.set_default_headers()
        self._write_buffer = []
        self._status_code, self._reason = 200, "OK"

    def prepare(self) -> Awaitable[None] | None:
        """Tornado awaits what it returns."""
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
        """Nobody waits for the answer."""
        self.set_status(499, "Client Closed Request")  # nginx's, for the log alone
        raise Finish

    def client(self) -> Hashable:
        """Whose budget the request is taken from: a user's, or an address's."""
        try:
            for claims in self.presented_claims():
                if not self.services.sessions.has_ended(
                    claims.session_id
                ):  # else it may be a thief's
                    return claims.user_id
        except Exception:  # whatever is wrong is answered in the request's turn
            _log.debug("a request from %s names no user", self.request.remote_ip, exc_info=True)
        return network(self.request.remote_ip)

    def presented_claims(self) -> list[Claims]:
        """What the good ones of the presented tokens say; their sessions may have ended."""
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
        """All tokens of the first place that has any, good or bad."""
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
        """Raises `problems.Forbidden` for what a page of another site may not do."""
        if self.request.method not in SAFE_METHODS or not self.other_sites_may_read:
            self._refuse_other_sites()

    def check_route(self) -> None:
        """Raises `problems.NotFound` where the route is not there for this request."""

    def __init_subclass__(cls) -> None:
        """Notes the methods that the class implements; HEAD comes with GET alone."""
        super().__init_subclass__()
        names = [m for m in _KNOWN_METHODS if _method(cls, m) is not _method(RequestHandler, m)]
        cls._methods = [m for m in names if m != "HEAD" or "GET" in names]

    def allowed_methods(self) -> list[str]:
        return self._methods

    def on_finish(self) -> None:
        self.services.in_flight.discard(self)

    def on_connection_close(self) -> None:
        """Nobody waits for the answer any more. What has begun goes on."""
        if self.slot is not None:
            self.slot.cancel()
        self.services.in_flight.discard(self)

    def compute_etag(self) -> str | None:
        return None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        problem = _problem(status_code, kwargs.get("exc_info"))
        for name, value in problem.headers.items():
            self.set_header(name, value)
        if problem.status >= 500:
            self.set_header(
                "X-Request-ID", self.request_id
            )  # by which the operator finds its lines
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
            # Not Tornado's own way, which shows the query, too.
            failed = (typ, value, tb) if typ is not None and value is not None else None
            _log.error("%s failed (%s)", self._request_summary(), self.request_id, exc_info=failed)

    def _request_summary(self) -> str:
        """Without the query, which may hold a token."""
        method = (self.request.method or "")[: logs.LONGEST_METHOD]
        return f"{method} {logs.shown(self.request.path)}"

    def _refuse_other_sites(self) -> None:
        """Fetch metadata, and Origin for browsers that send none; programs send neither."""
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
    if isinstance(error, DatabaseError):
        return problems.DatabaseUnavailable()
    if isinstance(error, HTTPError) and status < 500:
        return problems.Framework(status)
    return problems.Internal()
