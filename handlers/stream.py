"""GET /api/messages: the stream of a user's events.

A stream subscribes to the bus, looks up its position, and writes `hello`. It reads the events that
it has missed, and goes live in one synchronous step. Each event has this effect in each state:

| event \\ state      | OPENING   | READING            | LIVE                          |
| ------------------- | --------- | ------------------ | ----------------------------- |
| event from the bus  | held back | held back          | written; READING on a gap     |
| the same, unnumbered| dropped   | dropped            | written                       |
| position or page    | READING   | written; then LIVE |                               |
| `catch_up`          | held back | read               | READING if events are missing |
| ping                |           | written            | written                       |
| token has expired   | refused   | `bye`; CLOSED      | `bye`; CLOSED                 |
| `end`               | refused   | `bye`; CLOSED      | `bye`; CLOSED                 |
| client disconnected | CLOSED    | CLOSED             | CLOSED                        |
| client is too slow  |           | CLOSED             | CLOSED                        |
| `abort`             | CLOSED    | CLOSED             | CLOSED                        |

A client that has ended its input counts as disconnected. A stream that is NEW or CLOSED is not
subscribed, so no event has an effect. Tornado writes the headers and `hello`. Then the handler
takes the transport (`detach`), and writes to the `StreamConnection` only.
"""

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from enum import Enum
from operator import itemgetter
from typing import TYPE_CHECKING, NoReturn, cast

from tornado.httputil import HTTPHeaders

from bus import event
from bus.bus import UNNUMBERED
from bus.connection import SlowConsumer, StreamConnection, set_socket_options
from bus.event import Frame
from db.errors import DatabaseError
from db.feed import LONGEST_PAGE, UnknownKind
from db.positions import Position, PositionRequest
from handlers import resuming
from handlers.replays import LeftOut, Page, Pruned, read_page
from handlers.requests import logs, problems
from handlers.requests.api import ApiHandler
from handlers.requests.preferences import Preference

if TYPE_CHECKING:
    from http1.connection import Connection
    from http1.listener import Listener

BACKLOG_BYTES = 64 * 1024  # live events held back while reading; above it, they are read later
ORDER_SECONDS = 0.005  # an event waits this long for the one before it
AGAIN_SECONDS = 0.5  # between attempts to read while the database is unavailable
DEPARTURES_SECONDS = 1.0  # a stream without room waits this long for others to disconnect

_EVENT_STREAM = Preference("text/event-stream")
_NO_HEADERS = HTTPHeaders()
_SEQ = itemgetter(0)
_log = logging.getLogger("messenger.stream")


class State(Enum):
    NEW = "new"  # not subscribed yet
    OPENING = "opening"  # subscribed; no byte is written
    READING = "reading"  # `hello` is written; reads the feed
    LIVE = "live"  # writes each event at once
    CLOSED = "closed"


class StreamHandler(ApiHandler):
    """Owns its stream until it ends. `unsubscribe` ends it, for any reason."""

    other_sites_may_read = False  # the number of streams is limited

    def initialize(self) -> None:
        self._state = State.NEW
        self._end_reason: str | None = None  # set if `end` is called while the stream is OPENING
        self._seq = 0  # of the last event written
        self._newest_known = 0  # in the feed
        self._newest_before = 0  # in the feed as the stream opened: what follows is live
        self._is_catching_up = False  # when it reads: it was live before
        self._backlog: list[tuple[int, Frame]] | None = []  # None: it overflowed
        self._held_bytes = 0
        self._reading: asyncio.Task[None] | None = None
        self._stream: StreamConnection | None = None  # once it is open

    async def authenticate(self) -> None:
        """Reads the token. The position look-up also checks the session, which saves a statement.

        A request with a body or `X-User` needs the check at once, to keep the order of refusals.
        """
        found = self.presented_claims()
        self.me = found[0] if len(found) == 1 else await self.credentials()
        self.user_id, self.session_id, _ = self.me
        loop = asyncio.get_running_loop()
        self.expires_at = loop.time() + self.me.expires_at - time.time()
        if self.request.body or "X-User" in self.request.headers:
            await self.check_session()
        self.check_user()

    def presented_tokens(self) -> list[str]:
        return super().presented_tokens() or self.get_query_arguments("token")[-1:]

    async def head(self) -> None:  # type: ignore[override]
        await self.check_session()
        self._check_accept()
        self._set_headers()

    async def get(self) -> None:
        if (refusal := self._refusal()) is not None:
            await self._departures()
            refusal = self._refusal()
        if refusal is not None:
            await self.check_session()  # raises first if the session has ended
            raise refusal
        if not self._subscribe():
            self._hang_up()
        try:
            position = await self._position()
            if self._end_reason == "draining":
                self.check_readiness()
            if not position.session_lives or self._end_reason is not None:
                raise problems.Unauthorized
            if self._has_left():
                self.unsubscribe()
                self._hang_up()
            self._open(position)
        except BaseException:
            self.unsubscribe("refused")
            raise
        self._auto_finish = False
        self.services.in_flight.discard(self)  # a drain ends streams instead of waiting for them

    # `Subscriber`: called by the bus. None of these methods awaits.

    @property
    def closed(self) -> bool:
        return self._state is State.CLOSED

    def deliver(self, seq: int, frame: Frame) -> None:
        if self._state is not State.LIVE:
            self._hold_back(seq, frame)
        elif seq == self._seq + 1:
            self._seq = seq
            self._write(frame)
            if self._backlog:
                self._write_held_back()
        elif seq > self._seq:
            self._hold_back(seq, frame)
            self._read_soon()
        elif seq == UNNUMBERED:
            self._write_unnumbered(frame)

    def deliver_all(self, events: Sequence[tuple[int, Frame]], joined: Frame) -> None:
        is_next = all(seq == n for n, (seq, _) in enumerate(events, self._seq + 1))
        if is_next and self._state is State.LIVE and not self._backlog:
            self._seq += len(events)
            self._write(joined)
        else:
            for seq, frame in events:
                self.deliver(seq, frame)

    def catch_up(self, seq: int) -> None:
        if self._state is State.OPENING:
            self._backlog = None  # reads once more than the position demands
        elif self._state is not State.CLOSED and seq > self._seq:
            self._newest_known = max(self._newest_known, seq)
            self._read()

    def ping(self) -> None:
        if asyncio.get_running_loop().time() >= self.expires_at:
            self.end("expired")
        elif self._stream is not None and self._state is not State.CLOSED:
            self._write(event.PING)

    def end(self, reason: str) -> None:
        if self._state is State.OPENING:
            self._end_reason = reason
        elif self._state is not State.CLOSED:
            assert self._stream is not None
            self._write(event.bye(reason))
            self.unsubscribe(reason)
            self._stream.close()

    def abort(self, reason: str = "broken") -> None:
        self.unsubscribe(reason)
        self.connection.abort()

    # Opening and closing.

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.unsubscribe()

    def unsubscribe(self, reason: str = "gone") -> None:
        """Undoes `_subscribe`, and logs the reason. Later calls have no effect.

        The reason `gone` means that the client has disconnected.
        """
        if self._state in (State.NEW, State.CLOSED):
            return
        self.services.metrics.stream_ended(reason)
        if self._stream is not None:
            self.services.metrics.answered("GET", 200, None)
            seconds = time.monotonic() - self._opened_at
            logs.log_stream(self.request_id, self.user_id, reason, seconds)
        self._state = State.CLOSED
        self._backlog = []
        self.services.bus.unsubscribe(self)
        self.services.heartbeat.discard(self)

    @property
    def connection(self) -> "Connection | StreamConnection":
        """The connection, before the stream is open and after it."""
        return self._request_connection if self._stream is None else self._stream

    @property
    def _request_connection(self) -> "Connection":
        return cast("Connection", self.request.connection)

    @property
    def _server(self) -> "Listener":
        return cast("Listener", self._request_connection.server)

    def _has_left(self) -> bool:
        """Whether the client has disconnected or ended its input, even if not notified yet."""
        return self._request_connection.closed() or self._request_connection.input_ended

    def _hang_up(self) -> NoReturn:
        """Closes without an answer, because the client has disconnected."""
        self._request_connection.close()
        self._give_up()

    async def _departures(self) -> None:
        """Waits until the streams of disconnected clients have ended."""
        try:
            async with asyncio.timeout(DEPARTURES_SECONDS):
                await self._server.departures()
        except TimeoutError:
            pass  # refuses this request; the client tries again

    async def check_session(self) -> None:
        if not await self.services.sessions.is_living(self.session_id, self.user_id):
            raise problems.Unauthorized

    def _refusal(self) -> problems.Problem | None:
        try:
            self._check_accept()
            self._check_room()
        except problems.Problem as problem:
            return problem
        return None

    def _check_accept(self) -> None:
        if not _EVENT_STREAM.is_in(self.request.headers.get("Accept", "")):
            raise problems.NotAcceptable

    def _check_room(self) -> None:
        bus, config = self.services.bus, self.services.config
        if bus.count_of(self.user_id) >= config.max_streams_per_user:
            raise problems.TooMany(
                "too_many_streams", "You have too many tabs or devices connected."
            )
        if len(bus) >= config.max_streams:
            raise problems.Unavailable(
                "full", "The server is full right now. Please try again in a moment."
            )

    def _subscribe(self) -> bool:
        """Subscribes to the bus. Returns False if the client has disconnected already."""
        if self._has_left():
            return False
        self._state = State.OPENING
        self._request_connection.on_input_ended = self.unsubscribe  # before the stream is open
        self.services.bus.subscribe(self)
        self.services.heartbeat.add(self)
        return True

    async def _position(self) -> Position:
        """Looks up the position of the feed. The statement must begin after `_subscribe`."""
        cursor = resuming.cursor(resuming.event_id(self.request))
        after = None if cursor is None else cursor.seq
        return await self.services.positions.look_up(
            PositionRequest(self.user_id, self.session_id, after)
        )

    def _open(self, position: Position) -> None:
        """Writes the headers and `hello`, and takes the transport from the request."""
        start = resuming.start(resuming.event_id(self.request), position)
        event_id = f"{position.epoch}-{start.seq}"
        self._opened_at = time.monotonic()
        # Before the first write: on a socket with bytes in flight this takes ten times as long.
        set_socket_options(self._request_connection.transport.get_extra_info("socket"))
        self._set_headers()
        version = self.services.assets.recent_release()
        self.write(event.hello(None if start.reset else event_id, version).plain)
        if start.reset:
            self.write(event.reset(start.reset, event_id).plain)
        self.flush()
        self._seq = start.seq
        self._newest_known = self._newest_before = position.last_seq
        self._state = State.READING
        self._take_transport()
        if self._newest_known > self._seq or not self._go_live():
            self._read()

    def _set_headers(self) -> None:
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("Cache-Control", "no-store, no-transform")
        self.set_header("X-Accel-Buffering", "no")  # nginx would buffer events and send them late

    def _take_transport(self) -> None:
        """Moves the transport to a `StreamConnection`, and releases Tornado's request objects."""
        server, chunked = self._server, self.request.version != "HTTP/1.0"
        transport = cast("asyncio.Transport", self.detach())
        self._stream = StreamConnection(
            transport, server, self, chunked=chunked, client=self.user_id
        )
        self.request = self.ui = None  # type: ignore[assignment]
        self._headers = _NO_HEADERS

    # Reading the feed.

    def _read(self) -> None:
        if self._state is not State.CLOSED and self._reading is None:
            self._state = State.READING
            self._reading = asyncio.create_task(self._read_up_to_date())

    def _read_soon(self) -> None:
        """Reads missing events, unless they arrive at once from another lane or server."""
        asyncio.get_running_loop().call_later(ORDER_SECONDS, self._read_if_missing)

    def _read_if_missing(self) -> None:
        if self._state is State.LIVE and self._backlog != []:
            self._read()

    async def _read_up_to_date(self) -> None:
        """Writes the events after `_seq` until none is missing, and goes live."""
        limit = LONGEST_PAGE
        try:
            while self._state is State.READING:
                if self._newest_known > self._seq:
                    limit = await self._send_page(limit)
                elif self._go_live():
                    break
        except ConnectionResetError:
            self.unsubscribe()
        except Pruned:
            self.end("slow")  # the client reconnects, and gets a `reset`
        except LeftOut:
            self.end("slow")  # the client reconnects: only a replay may leave out numbers
        except UnknownKind as error:
            _log.warning("a stream of user %d is ended: %s", self.user_id, error)
            self.abort()  # the client reconnects, if possible to a newer server
        except Exception:
            _log.exception("a stream of user %d failed", self.user_id)
            self.abort()
        finally:
            self._reading = None

    async def _send_page(self, limit: int) -> int:
        """Writes the next page. Returns how many events to read for the one after it."""
        try:
            page = await self._page(limit)
        except DatabaseError:
            # The stream stays open, and pings continue.
            await asyncio.sleep(AGAIN_SECONDS * random.uniform(1, 2))  # noqa: S311
            return limit
        if page is None:
            return limit
        assert self._stream is not None
        for data, seq in page.pieces:
            if self._state is not State.READING:
                return limit
            self._seq = seq
            if data:
                await self._stream.write_and_drain(data)
        if self._is_catching_up:
            self.services.metrics.looked_up(page.appended_at)
        if not page.more:
            self._newest_known = page.seq
        return page.limit

    async def _page(self, limit: int) -> Page | None:
        """Reads the next page in the user's replay queue. Returns None if the stream has closed."""
        async with self.services.replay_queue.turn(self.user_id) as turn:
            await self.services.contact.wait()
            if self._state is not State.READING:
                return None
            page = await read_page(
                self.services.feed_reader,
                self.user_id,
                self._seq,
                limit,
                opened_at=self._newest_before,
                epoch=self.services.db.epoch,
            )
            turn.size = page.size
        self.services.fair_queue.charge(self.user_id, page.seconds, page.size)
        return page

    def _write_held_back(self) -> None:
        """Writes the live events that follow the last one. Keeps those after a gap."""
        assert self._backlog is not None
        kept = []
        for seq, frame in sorted(self._backlog, key=_SEQ):
            if seq == self._seq + 1 and self._state is State.LIVE:
                self._seq = seq
                self._write(frame)
            elif seq > self._seq:
                kept.append((seq, frame))
        self._backlog = [] if self._state is State.CLOSED else kept
        self._held_bytes = sum(len(frame) for _, frame in self._backlog)

    def _go_live(self) -> bool:
        """Writes the backlog and goes live. Returns False if it has a gap or has overflowed."""
        backlog, self._backlog, self._held_bytes = self._backlog, [], 0
        if backlog is None:
            self._newest_known = self._seq + 1
            return False
        for seq, frame in sorted(backlog, key=_SEQ):
            if seq > self._seq + 1:
                self._newest_known = seq
                return False
            if seq == self._seq + 1:
                self._write(frame)
                self._seq = seq
        if self._state is State.READING:
            self._state = State.LIVE
            self._is_catching_up = self.services.config.relay is not None
        return True

    def _hold_back(self, seq: int, frame: Frame) -> None:
        if self._state is State.CLOSED or self._backlog is None or seq == UNNUMBERED:
            return
        self._backlog.append((seq, frame))
        self._held_bytes += len(frame)
        if self._held_bytes > BACKLOG_BYTES:
            self._backlog = None

    def _write_unnumbered(self, frame: Frame) -> None:
        """Drops the frame if the client is behind: it would be late, and nobody misses it."""
        assert self._stream is not None
        if not self._stream.write_paused:
            self._write(frame)

    def _write(self, frame: Frame) -> None:
        assert self._stream is not None
        try:
            self._stream.write(frame)
        except SlowConsumer:
            _log.info("a stream of user %d is ended: its client reads too slowly", self.user_id)
            self.abort("slow")
