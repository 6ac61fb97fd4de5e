"""The objects that handlers share: the database, the bus, limits, and so on."""

from __future__ import annotations

from bus.bus import Bus
from bus.heartbeat import Heartbeat
from config import STATIC_DIR, Config
from db.avatars import Avatars
from db.feed import FeedReader
from db.feed_writer import FeedWriter
from db.pool import Database
from db.positions import StreamPositions
from db.server.contact import Contact
from db.server.disk import Disk
from db.sessions import Sessions
from handlers.assets import StaticAssets
from handlers.cluster import Cluster
from handlers.delivery import PublishTransient, publisher, transient_publisher
from handlers.gaps import GapDetector
from handlers.github import GitHub
from handlers.replays import ReplayQueue
from handlers.requests.cookies import SessionCookie
from handlers.requests.fair_queue import Budget, FairQueue, Room
from handlers.requests.hosts import Hosts
from handlers.requests.in_flight import InFlight
from handlers.requests.limits import Limits
from handlers.requests.metrics import Metrics
from handlers.requests.proxies import Proxies
from handlers.requests.tokens import Tokens
from http1.backpressure import MAX_CLIENT_BYTES, Backpressure


class Services:
    """The shared objects of one server. None of them imports a handler."""

    openapi: bytes  # the encoded descriptions; the application sets both
    asyncapi: bytes
    publish_transient: PublishTransient  # tells users of an event that is in no feed

    def __init__(
        self, config: Config, db: Database, secret: str, assets: StaticAssets | None = None
    ) -> None:
        """A server with a relay has a `cluster`, and `contact` may be lost.

        Reads the page's files, unless another server of this process has them in `assets`.
        """
        self.use(config)
        self.secret = secret
        self.db = db
        embedded = [config.data_dir / "postgres"] if config.database_url is None else []
        self.disk = Disk(embedded, config.disk_reserve)
        self.assets = assets or StaticAssets(STATIC_DIR)
        self.bus = Bus()
        has_relay = config.relay is not None
        self.contact = Contact(needed=has_relay)
        self.gaps = GapDetector(db, self.bus)
        self.heartbeat = Heartbeat(after=self.gaps.check)
        self.limits = Limits(config)
        self.backpressure = Backpressure()
        budget = Budget(config.requests_at_once, config.requests_per_second)
        self.fair_queue = FairQueue(
            budget if config.rate_limits else None,
            Room(MAX_CLIENT_BYTES, self.backpressure.write_buffer_size),
        )
        offered = config.github_client_id and config.github_client_secret
        self.github = GitHub(config, secret) if offered else None
        self.tokens = Tokens(secret)
        self.sessions = Sessions(db, self.contact)
        self.avatars = Avatars(db)
        self.positions = StreamPositions(db, self.sessions)
        self.feed_reader = FeedReader(db, skips_unknown=not has_relay)
        self.replay_queue = ReplayQueue()
        self.metrics = Metrics(lambda: len(self.bus), lambda: db.unavailable)
        if has_relay:
            self.cluster = Cluster(
                config,
                secret,
                db=db,
                bus=self.bus,
                sessions=self.sessions,
                detector=self.gaps,
                contact=self.contact,
                metrics=self.metrics,
            )
            self.metrics.relay(lambda: self.cluster.is_up)
            self.writer = FeedWriter(
                db, self.cluster.publish, self.cluster.unsure, self.cluster.reads
            )
            self.publish_transient = self.cluster.publish_transient
        else:
            self.writer = FeedWriter(db, publisher(self.bus), self.gaps.check_all)
            self.publish_transient = transient_publisher(self.bus)
        self.in_flight = InFlight()
        self.draining = False
        db.on_another(self._begin_anew)

    def use(self, config: Config) -> None:
        """Applies `config` to hosts, proxies and cookies."""
        self.config = config
        self.hosts = Hosts(config)
        self.proxies = Proxies(config.trusted_proxies)
        self.session_cookie = SessionCookie(secure=config.secure)

    async def end_session(self, user_id: int, session_id: int) -> None:
        """Ends a session and its streams. Raises `snapshot.NotFound`."""
        try:
            await self.sessions.end(user_id, session_id)
        finally:  # also after an error: it may have ended, and a client with a session reconnects
            self.bus.end_sessions(user_id, [session_id])

    async def end_other_sessions(self, user_id: int, kept_id: int) -> None:
        """Ends all sessions of the user but one, and their streams."""
        try:
            await self.sessions.end_others(user_id, kept_id)
        finally:  # see `end_session`
            streams = self.bus.streams_of(user_id)
            others = {stream.session_id for stream in streams} - {kept_id}
            self.bus.end_sessions(user_id, others)

    def _begin_anew(self) -> None:
        """Drops caches and streams, because the server is connected to another database."""
        self.sessions.forget()
        self.bus.abort_all("epoch")  # clients resume, and get a `reset`
