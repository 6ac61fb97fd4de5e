"""The application: what all handlers share, and the first look at each request."""

import asyncio
from collections.abc import Sequence
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
from handlers.arrival import Arrival, Found, Router
from handlers.assets import StaticAssets
from handlers.base import Handler, Refusal
from handlers.cookies import SessionCookie
from handlers.delivery import publisher
from handlers.gaps import GapDetector
from handlers.github import GitHub
from handlers.hosts import Hosts
from handlers.limits import Limits
from handlers.metrics import Metrics
from handlers.proxies import Proxies
from handlers.replays import ReplayQueue
from handlers.stream import StreamHandler
from handlers.tokens import Tokens


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

    def begun(self, handler: Handler) -> None:
        self._in_flight.add(handler)

    def finished(self, handler: Handler) -> None:
        """Or a stream: it is answered as far as it can be."""
        if handler.turn is not None:
            handler.turn.end()
        self._forget(handler)

    def hung_up(self, handler: Handler) -> None:
        """Nobody waits for it any more; what has begun goes on, and has its turn until it ends."""
        if handler.turn is not None:
            handler.turn.give_up()
        self._forget(handler)

    def _forget(self, handler: Handler) -> None:
        self._in_flight.discard(handler)
        if self.draining and not self._in_flight:
            self._all_finished.set()

    async def requests_finished(self) -> None:
        """Returns when all requests whose handlers have begun are answered."""
        if self._in_flight:
            await self._all_finished.wait()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> Arrival:
        return Arrival(self, request_conn)

    def find(self, request: HTTPServerRequest) -> Found:
        """Who answers it; a look through the proxies comes first."""
        if self.proxies:
            self.proxies.look_through(request)
        refusal: problems.Problem | None = None
        if "Host" not in request.headers:  # HTTP/1.0; Tornado refuses it in HTTP/1.1
            refusal = problems.BadRequest("The request has no Host header.", "missing_host")
        elif not request.path.startswith("/health/") and not self.hosts.serves(request.host):
            refusal = problems.Misdirected()
        if refusal is not None:
            return Found(Refusal, {"problem": refusal}, [])
        return self._router.find(request.path)

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
