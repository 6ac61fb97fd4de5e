"""The application: what all handlers share, and the first look at each request."""

import asyncio
from collections.abc import Hashable, Sequence
from typing import Any, cast

from tornado.httputil import HTTPConnection, HTTPServerRequest
from tornado.web import Application, RequestHandler

from bus.bus import Bus
from bus.heartbeat import Heartbeat
from config import STATIC_DIR, Config
from db.avatars import Avatars
from db.disk import Disk
from db.feed import Replays
from db.pool import Database
from db.positions import Positions
from db.sender import Sender
from db.sessions import Sessions
from handlers import asyncapi, logs, openapi, problems
from handlers.arrival import RequestDelegate, RouteMatch, Router
from handlers.assets import StaticAssets
from handlers.base import Handler, Refusal
from handlers.cookies import SessionCookie
from handlers.delivery import publisher
from handlers.fair_queue import Budget, FairQueue, Room
from handlers.gaps import GapDetector
from handlers.github import GitHub
from handlers.hosts import Hosts
from handlers.limits import Limits, network
from handlers.metrics import Metrics
from handlers.proxies import Proxies
from handlers.replays import ReplayQueue
from handlers.stream import StreamHandler
from handlers.tokens import Tokens
from http1.backpressure import MAX_CLIENT_BYTES, Backpressure
from http1.connection import Connection


class Messenger(Application):
    """Made once by `make_app`; a handler finds all that it works with here."""

    def __init__(self, config: Config, db: Database, secret: str, routes: Sequence[Any]) -> None:
        super().__init__()
        self.use(config)
        self._router = Router(routes)
        # Made at the start, which fails if a route has no description.
        self.openapi = openapi.encoded(tuple(routes))
        self.asyncapi = asyncapi.encoded()
        self.secret = secret
        self.db = db
        embedded = [config.data_dir / "postgres"] if config.database_url is None else []
        self.disk = Disk(embedded, config.disk_reserve)
        self.assets = StaticAssets(STATIC_DIR)
        self.bus = Bus()
        self.gaps = GapDetector(db, self.bus)
        self.heartbeat = Heartbeat(after=self.gaps.check)
        self.limits = Limits(config)
        self.backpressure = Backpressure()
        budget = Budget(config.requests_at_once, config.requests_per_second)
        self.fair_queue = FairQueue(
            budget if config.rate_limits else None,
            Room(MAX_CLIENT_BYTES, self.backpressure.untaken),
        )
        offered = config.github_client_id and config.github_client_secret
        self.github = GitHub(config, secret) if offered else None
        self.tokens = Tokens(secret)
        self.sessions = Sessions(db)
        self.avatars = Avatars(db)
        self.positions = Positions(db, self.sessions)
        self.replays = Replays(db)
        self.replay_queue = ReplayQueue()
        self.sender = Sender(db, publisher(self.bus), self.gaps.check_all)
        self.metrics = Metrics(lambda: len(self.bus), lambda: db.away)
        self.refused_input = logs.RefusedInput()
        self.draining = False
        db.on_another(self._begin_anew)
        self._in_flight: set[Handler] = set()
        self._all_finished = asyncio.Event()

    def _begin_anew(self) -> None:
        """The database is another one: what was known of it is not true of this one."""
        self.sessions.forget()
        self.bus.abort_all("epoch")  # their clients resume, and are reset

    def use(self, config: Config) -> None:
        self.config = config
        self.hosts = Hosts(config)
        self.proxies = Proxies(config.trusted_proxies)
        self.session_cookie = SessionCookie(secure=config.secure)

    def request_started(self, handler: Handler, client: Hashable) -> None:
        """Asks for its slot, before anything else is done for it."""
        self._in_flight.add(handler)
        path = handler.request.path
        if path.startswith("/health/") or path == "/metrics":
            return
        handler.slot = self.fair_queue.enter(
            client,
            handler.cost,
            answer_bytes=handler.answer_bytes if handler.request.method == "GET" else 0,
            is_refusable=handler.is_refusable,
        )

    def request_finished(self, handler: Handler) -> None:
        """It is answered; or it has become a stream."""
        self._in_flight.discard(handler)
        if self.draining and not self._in_flight:
            self._all_finished.set()

    def client_disconnected(self, handler: Handler) -> None:
        """Nobody waits for the answer any more. What has begun goes on."""
        if handler.slot is not None:
            handler.slot.cancel()
        self.request_finished(handler)

    async def requests_finished(self) -> None:
        """Returns when all requests that have arrived are answered."""
        if self._in_flight:
            await self._all_finished.wait()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> RequestDelegate:
        return RequestDelegate(self, cast("Connection", request_conn))

    def find(self, request: HTTPServerRequest) -> RouteMatch:
        """Who answers it; a look through the proxies comes first."""
        if self.proxies:
            self.proxies.look_through(request)
        refusal: problems.Problem | None = None
        if "Host" not in request.headers:  # HTTP/1.0; Tornado refuses it in HTTP/1.1
            refusal = problems.BadRequest("The request has no Host header.", "missing_host")
        elif not request.path.startswith("/health/") and not self.hosts.serves(request.host):
            refusal = problems.Misdirected()
        if refusal is not None:
            return RouteMatch(Refusal, {"problem": refusal}, [])
        return self._router.find(request.path)

    def input_refused(self, status: int, remote_ip: str) -> None:
        """Input was answered that never became a request."""
        self.metrics.refused(status)
        self.refused_input.log(status, remote_ip)

    def connection_address(self, remote_ip: str) -> str | None:
        """Whom a connection counts for; None for a trusted proxy's."""
        return None if self.proxies.trusts(remote_ip) else network(remote_ip)

    def log_request(self, handler: RequestHandler) -> None:
        request = handler.request
        seconds = None if isinstance(handler, StreamHandler) else request.request_time()
        self.metrics.answered(request.method or "", handler.get_status(), seconds)
        logs.log_request(cast("Handler", handler))

    async def end_session(self, user_id: int, session_id: int) -> None:
        """And its streams. Raises `snapshot.NotFound`."""
        try:
            await self.sessions.end(user_id, session_id)
        finally:  # also where the answer was lost: a stream of a session that lives comes back
            self.bus.end_sessions(user_id, [session_id])

    async def end_other_sessions(self, user_id: int, kept_id: int) -> None:
        """And their streams."""
        try:
            await self.sessions.end_others(user_id, kept_id)
        finally:  # as above
            streams = self.bus.streams_of(user_id)
            others = {stream.session_id for stream in streams} - {kept_id}
            self.bus.end_sessions(user_id, others)
