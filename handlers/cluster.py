"""One of several servers on a database: tells the others, hears them, and looks when unsure.

The relay and the notifications of the database may be lost. Each of these causes a look at the
sessions and feeds of all streams: lost contact with the database, a gap in the numbers of another
server's messages, its silence, its end, and a message that cannot be read.
"""

import asyncio
import contextlib
import hashlib
import ipaddress
import logging
import time
import urllib.parse
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import monotonic
from typing import Any

import msgspec

from bus import event
from bus.bus import UNNUMBERED, Bus
from bus.event import Frame
from config import VERSION, Config, is_loopback_name
from db import errors
from db.events import KINDS
from db.pool import Database
from db.server.contact import Contact
from db.server.membership import Member, Membership, Own
from db.server.notifier import LARGEST_MESSAGE, Notifier
from db.sessions import Sessions
from db.write_result import Appended
from handlers import gaps
from handlers.delivery import publisher
from handlers.gaps import GapDetector
from handlers.requests.metrics import Metrics
from relay.message import Event, Seal, Sender
from relay.nats import NatsEngine
from relay.relay import Engine, Received, Relay, Unsent

POSTGRES = "postgres"
LOOK_SECONDS = 1.0  # between looks while another server is silent
AGAIN_SECONDS = 0.25  # between other looks, and after one that failed
UNSURE_SECONDS = (0, *gaps.AGAIN_SECONDS)  # after a lost answer, the others are made to look
CHECK_SECONDS = 0.25  # between checks for silent servers
START_SECONDS = 2.0  # the start waits this long for the relay
END_SECONDS = 1.0  # the end waits this long for it

_OTHER_SETTINGS = (
    "Another server on this database has other options. Limits, sign-in, --origin and --relay"
    " should be the same on all."
)
_log = logging.getLogger("messenger.relay")


def own(config: Config, secret: str) -> Own:
    """Returns what this server tells the others of itself."""
    settings = [
        config.origin,
        config.allowed_hosts,
        config.feed_retention_days,
        config.rate_limits,
        config.max_streams_per_user,
        config.requests_at_once,
        config.requests_per_second,
        config.sends_at_once,
        config.sends_per_second,
        config.edit_hours,
        config.conversations_per_minute,
        config.max_group_members,
        config.members_at_once,
        config.members_per_minute,
        config.searches_at_once,
        config.searches_per_second,
        config.reactions_at_once,
        config.reactions_per_second,
        config.sign_ins_per_minute,
        config.max_header_bytes,
        config.max_body_bytes,
        config.dev_login,
        config.github_client_id,
        config.github_client_secret,
        config.github_authorize_url,
        config.github_token_url,
        config.github_api_url,
        config.relay,
    ]
    return Own(VERSION, sorted(KINDS), _digest("secret", secret), _digest(secret, repr(settings)))


def _digest(key: str, text: str) -> str:
    """Returns a slow hash, so that a reader of the database cannot guess a short secret."""
    return hashlib.scrypt(text.encode(), salt=key.encode(), n=2**14, r=8, p=1, dklen=16).hex()


def shown(relay: str) -> str:
    """Returns the relay without its password."""
    netloc = urllib.parse.urlsplit(relay).netloc
    return relay.replace(netloc, netloc.rpartition("@")[2]) if netloc else relay


def is_exposed(relay: str) -> bool:
    """Whether messages of the relay pass a network without TLS."""
    parts = urllib.parse.urlsplit(relay)
    host = parts.hostname or ""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = is_loopback_name(host)
    return parts.scheme == "nats" and not is_loopback


def check(members: Sequence[Member], own: Own) -> list[str]:
    """Returns warnings about other servers. Raises `errors.Refused` if one has another secret."""
    if any(member.secret != own.secret for member in members):
        raise errors.Refused(
            "--jwt-secret is not that of the servers that run on this database already"
        )
    if any(member.settings != own.settings for member in members):
        return [_OTHER_SETTINGS]
    return []


class _PostgresEngine:
    """The relay over PostgreSQL. The connection of the server's lock receives."""

    largest_message = LARGEST_MESSAGE

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._is_up = True
        self.is_listening = False

    @property
    def is_up(self) -> bool:
        return self._is_up and self.is_listening

    async def send(self, messages: Sequence[bytes]) -> None:
        try:
            await self._notifier.send([message.decode() for message in messages])
            self._is_up = True
        except (errors.DatabaseError, errors.Unexpected) as error:
            self._is_up = False
            raise Unsent from error


class Cluster:
    """Connects the relay and the membership with the bus, the sessions and the gap detector."""

    def __init__(
        self,
        config: Config,
        secret: str,
        *,
        db: Database,
        bus: Bus,
        sessions: Sessions,
        detector: GapDetector,
        contact: Contact,
        metrics: Metrics,
    ) -> None:
        assert config.relay is not None
        self._db = db
        self._bus = bus
        self._sessions = sessions
        self._gaps = detector
        self._contact = contact
        self._metrics = metrics
        self._owed = asyncio.Event()  # a look
        self._publish_here = publisher(bus)
        self._is_listening = False
        self._skips: list[asyncio.TimerHandle] = []
        self._was_up = True
        self._kinds: frozenset[str] = frozenset()  # that all servers read
        self._postgres: _PostgresEngine | None = None
        self._nats: NatsEngine | None = None
        engine: Engine
        if config.relay == POSTGRES:
            self._notifier = Notifier(db.dsn)
            engine = self._postgres = _PostgresEngine(self._notifier)
        else:
            subject = "messenger." + _digest("subject", secret)
            engine = self._nats = NatsEngine(config.relay, subject, self._receive, self._miss_for)
        self._relay = Relay(
            engine, Seal.of(secret), metrics, deliver=self._deliver, missed=self._owed.set
        )

    @property
    def is_up(self) -> bool:
        return self._relay.is_up

    def reads(self, kind: str) -> bool:
        """Whether all servers that run read this kind of event."""
        return kind in self._kinds

    def background_tasks(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """Returns what must run as long as this server takes part."""
        work = [self._contact.tick, self._relay.send, self._relay.beat, self._look]
        return work if self._nats is None else [*work, self._nats.run]

    async def begin(self, membership: Membership) -> None:
        """Takes part. Returns when this server hears the others, or its patience has ended."""
        if self._nats is not None:
            await _within(START_SECONDS, self._nats.subscribed())
        membership.attach(self)
        await _within(START_SECONDS, self._contact.wait())

    async def end(self) -> None:
        """Hands the last events to the relay."""
        await _within(END_SECONDS, self._relay.drained())
        if self._postgres is not None:
            self._notifier.close()

    # Telling: called by the writer of feeds, in commit order.

    def publish(self, appended: Appended) -> None:
        """Hands an event to the streams of this server, and tells the others."""
        if self._relay.is_alone and self._contact.is_current:
            self._relay.skip()
            return self._publish_here(appended)
        kind, fact, epoch, user_ids, seqs = appended
        views: dict[object, tuple[list[int], list[int]]] = {}  # users with the same view share one
        for user_id, seq in zip(user_ids, seqs, strict=True):
            users, numbers = views.setdefault(fact.seen_by(user_id), ([], []))
            users.append(user_id)
            numbers.append(seq)
        for seen, (users, numbers) in views.items():
            told = Event(event.body(seen, kind.name), users, numbers)
            self._hand_out(epoch, told)
            self._relay.tell(epoch, told)

    def publish_transient(self, user_ids: Sequence[int], data: msgspec.Struct, name: str) -> None:
        """Hands an event that is in no feed to the streams of all servers.

        A server of an older version drops it.
        """
        if (epoch := self._db.epoch) is not None:
            told = Event(event.body(data, name), user_ids, [UNNUMBERED] * len(user_ids))
            self._hand_out(epoch, told)
            self._relay.tell(epoch, told)  # also if it seems alone: nobody can look this up

    def unsure(self) -> None:
        """Has all servers look: a write may be stored, or be stored soon, that nobody tells of."""
        self._gaps.check_all()
        while self._skips:
            self._skips.pop().cancel()
        loop = asyncio.get_running_loop()
        self._skips = [loop.call_later(after, self._relay.skip) for after in UNSURE_SECONDS]

    def _hand_out(self, epoch: str, told: Event) -> int:
        """Returns how many users have a stream that got the event."""
        if not self._contact.is_current:
            self._owed.set()
            return 0
        count = 0
        for user_id, seq in zip(told.user_ids, told.seqs, strict=True):
            if self._bus.count_of(user_id):
                if told.body is None:
                    for stream in self._bus.streams_of(user_id):
                        stream.catch_up(seq)
                else:
                    self._bus.publish(user_id, seq, _frame(epoch, seq, told.body))
                    count += 1
        return count

    # Hearing: called by the relay, and by the connection of the server's lock.

    def _receive(self, data: bytes) -> None:
        self._relay.receive(data)

    def _miss_for(self, reason: str) -> None:
        self._relay.missed_some(reason)

    def _deliver(self, received: Received) -> None:
        if received.events and received.epoch != self._db.epoch:
            self._metrics.relay_lost("epoch")
            self._owed.set()
            return
        for told in received.events:
            for _ in range(self._hand_out(received.epoch, told)):
                self._metrics.relay_delay(time.time() - received.committed_at)

    def joined(self, server: int, start: str) -> None:
        self._is_listening = True
        self._relay.begin(Sender(server, start))
        if self._postgres is not None:
            self._postgres.is_listening = True
        self._owed.set()

    def cut_off(self) -> None:
        self._is_listening = False
        if self._postgres is not None:
            self._postgres.is_listening = False
        self._contact.lose()

    def looked(self, asked_at: float, running: list[Member]) -> None:
        self._contact.answered(asked_at)
        self._kinds = frozenset.intersection(*(frozenset(member.kinds) for member in running))
        if self._relay.expect({Sender(member.id, member.start) for member in running}):
            # Its last messages may be lost, and PostgreSQL may still commit its last statements.
            self._owed.set()
            self._gaps.check_all()

    def heard(self, data: bytes) -> None:
        if self._postgres is not None:
            self._relay.receive(data)

    def sessions_ended(self, ended: list[tuple[int, int]]) -> None:
        self._sessions.drop([session_id for _, session_id in ended])
        by_user: defaultdict[int, list[int]] = defaultdict(list)
        for user_id, session_id in ended:
            by_user[user_id].append(session_id)
        for user_id, session_ids in by_user.items():
            self._bus.end_sessions(user_id, session_ids)

    # Looking.

    async def _look(self) -> None:
        """Looks at all streams whenever that is owed, until cancelled."""
        while True:
            await self._until_a_look_is_owed()
            self._owed.clear()
            if not await self._look_once():
                self._owed.set()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _until_a_look_is_owed(self) -> None:
        since = monotonic()
        while not self._owed.is_set():
            await _within(CHECK_SECONDS, self._owed.wait())
            self._say_if_it_changed()
            if not self._contact.is_current:
                return
            if not self._relay.hears_all and monotonic() - since >= LOOK_SECONDS - AGAIN_SECONDS:
                return

    def _say_if_it_changed(self) -> None:
        is_up = self._relay.is_up
        if is_up and not self._was_up:
            _log.warning("the relay works")
        elif not is_up and self._was_up:
            _log.warning("the relay is unavailable: events of other servers are looked up")
        self._was_up = is_up

    async def _look_once(self) -> bool:
        """Looks at sessions and feeds of all streams. Returns whether that was possible."""
        if not self._contact.is_current:
            if not self._is_listening:
                return False
            self._sessions.forget()
        losses = self._contact.losses
        if not await self._gaps.compare_all():
            return False
        self._contact.renew(losses)
        return True


def _frame(epoch: str, seq: int, body: bytes) -> Frame:
    return event.unnumbered(body) if seq == UNNUMBERED else event.numbered(f"{epoch}-{seq}", body)


async def _within(seconds: float, work: Awaitable[object]) -> None:
    """Awaits `work` for at most so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work
