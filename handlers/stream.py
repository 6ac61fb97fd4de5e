"""GET /api/messages: the stream of a user's events, from its first byte to its last.

Register with the bus, ask where to start, say hello, read the feed up to date, switch to live in
one synchronous step. When live, a gap in the numbers sends the stream back to reading.
"""

import asyncio
import logging
import random
import time
from enum import Enum
from typing import cast

from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError

from bus import event
from bus.event import Frame
from bus.outlet import Outlet
from db.errors import DatabaseError
from db.positions import Position, Wanted
from handlers import logs, problems, resuming
from handlers.api import ApiHandler
from handlers.delivery import encoded
from handlers.wire import Full, Wire
from http1.connection import Connection

PIECE_BYTES = 32 * 1024  # of a replay, written at once; a page may be longer than a buffer
BACKLOG_BYTES = 64 * 1024  # live events held aside while reading; beyond it they are read instead
AGAIN_SECONDS = 0.5  # between attempts to read while the database is away

_NO_HEADERS = HTTPHeaders()
_log = logging.getLogger("messenger.stream")


class State(Enum):
    ASKING = "asking"  # the bus does not know of it
    OPENING = "opening"  # registered; no byte was sent
    READING = "reading"  # headers are sent; the feed is being read
    LIVE = "live"  # every event is written as it comes
    LEFT = "left"


class StreamHandler(ApiHandler):
    """Owns its stream from first byte to last; `leave` is where it ends, whatever ended it."""

    other_sites_may_read = False  # an open stream is a thing that we have few of

    def initialize(self) -> None:
        self._state = State.ASKING
        self._end_reason: str | None = None  # set while it cannot be said yet
        self.outlet = Outlet()
        self._backlog: list[tuple[int, Frame]] | None = []  # None: it overflowed
        self._held_bytes = 0
        self._reading: asyncio.Task[None] | None = None
        self._wire: Wire | None = None  # once it is open
        self._is_detached = False

    async def authenticate(self) -> None:
        """Whether the session lives is told with the position, unless more hangs on it before."""
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
            await self.connection.others_are_told()  # who has just left takes no room
            refusal = self._refusal()
        if refusal is not None:
            await self.check_session()  # a dead session hears of that first
            raise refusal
        if not self._register():
            return
        try:
            position = await self._position()
            if self._end_reason == "draining":
                self.check_readiness()
            if not position.session_lives or self._end_reason is not None:
                raise problems.Unauthorized
            if self._has_left():
                self.leave()
            else:
                self._open(position)
        except BaseException:
            self.leave("refused")
            raise
        self._auto_finish = False
        self.app.finished(self)  # what a drain waits for; from here on it ends the stream itself
        self._begin()

    # What the bus calls. None of these awaits.

    @property
    def left(self) -> bool:
        return self._state is State.LEFT

    def deliver(self, seq: int, frame: Frame) -> None:
        if self._state is not State.LIVE:
            self._hold_back(seq, frame)
        elif seq == self.outlet.seq + 1:
            self.outlet.seq = seq
            self._write(frame)
        elif seq > self.outlet.seq:
            self._hold_back(seq, frame)
            self._read()

    def go_on(self, rest: bytes) -> None:
        assert self._wire is not None
        self._wire.go_on(rest)

    def catch_up(self, seq: int) -> None:
        if self._state is State.LIVE and seq > self.outlet.seq:
            self._newest_known = seq
            self._read()

    def ping(self) -> None:
        if asyncio.get_running_loop().time() >= self.expires_at:
            self.end("expired")
        elif self._wire is not None and self._state is not State.LEFT:
            self._write(event.PING)

    def end(self, reason: str) -> None:
        if self._state is State.OPENING:
            self._end_reason = reason
        elif self._state is not State.LEFT:
            self._write(event.bye(reason))
            self.leave(reason)
            self._close_gently()

    def break_off(self, reason: str = "broken") -> None:
        self.leave(reason)
        self.connection.abort()

    # How it begins and ends.

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.leave()

    def leave(self, reason: str = "gone") -> None:
        """Undoes `_register`; may be called any number of times, and the first one's reason counts.

        `gone`: the client has left.
        """
        if self._state in (State.ASKING, State.LEFT):
            return
        self.app.metrics.stream_ended(reason)
        if self._wire is not None:
            self.app.metrics.answered("GET", 200, None)
            seconds = time.monotonic() - self._opened_at
            logs.log_stream(self.request_id, self.user_id, reason, seconds)
            self._wire.shut(self.outlet)
        self._state = State.LEFT
        self._backlog = []
        self.app.bus.discard(self)
        self.app.heart.discard(self)

    @property
    def connection(self) -> Connection:
        if self._wire is not None:
            return self._wire.connection
        return cast("Connection", self.request.connection)

    def _has_left(self) -> bool:
        """Whether the client has gone; the handler is told of it in a later turn of the loop."""
        return self.connection.closed()

    async def check_session(self) -> None:
        if not await self.app.sessions.is_living(self.session_id, self.user_id):
            raise problems.Unauthorized

    def _refusal(self) -> problems.Problem | None:
        try:
            self._check_accept()
            self._check_room()
        except problems.Problem as problem:
            return problem
        return None

    def _check_accept(self) -> None:
        for media_range in self.request.headers.get("Accept", "").split(","):
            media_type, *parameters = (part.strip().lower() for part in media_range.split(";"))
            refused = any(p.replace(" ", "").rstrip("0.") == "q=" for p in parameters)
            if media_type == "text/event-stream" and not refused:
                return
        raise problems.NotAcceptable

    def _check_room(self) -> None:
        bus, config = self.app.bus, self.app.config
        if bus.count_of(self.user_id) >= config.max_streams_per_user:
            raise problems.TooMany("too_many_streams", "This user has too many open streams.")
        if len(bus) >= config.max_streams:
            raise problems.Unavailable("full", "The server has no room for one more stream.")

    def _register(self) -> bool:
        """With the bus, unless the client has gone meanwhile: its close was told already then."""
        if self._has_left():
            return False
        self._state = State.OPENING
        self.app.bus.add(self)
        self.app.heart.add(self)
        return True

    async def _position(self) -> Position:
        """Where the user's feed is now, in a statement that begins after `_register`."""
        cursor = resuming.cursor(self._last_event_id())
        after = None if cursor is None else cursor.seq
        return await self.app.positions.look_up(Wanted(self.user_id, self.session_id, after))

    def _last_event_id(self) -> str:
        """The header wins, since a browser that reconnects sends the old query again."""
        header = self.request.headers.get("Last-Event-ID", "")
        given = self.request.query_arguments.get("last_event_id", [b""])[-1]
        return header or given.decode("latin-1")  # whatever it is, it is no bad request

    def _open(self, position: Position) -> None:
        """The headers and `hello`, flushed at once."""
        start = resuming.start(self._last_event_id(), position)
        event_id = f"{position.epoch}-{start.seq}"
        self._opened_at = time.monotonic()
        self._wire = Wire(self.connection, chunked=self.request.version != "HTTP/1.0")
        self._set_headers()
        self.write(event.hello(None if start.reset else event_id).plain)
        if start.reset:
            self.write(event.reset(start.reset, event_id).plain)
        self.flush()
        self.outlet.seq = start.seq
        self._newest_known = position.last_seq
        self._state = State.READING

    def _set_headers(self) -> None:
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("Cache-Control", "no-store, no-transform")
        self.set_header("X-Accel-Buffering", "no")  # nginx would gather events and send them late

    def _begin(self) -> None:
        """Live at once where nothing was missed, so that most streams need no task at all."""
        if self._state is not State.LEFT and (
            self._newest_known > self.outlet.seq or not self._go_live()
        ):
            self._read()

    def _let_go(self) -> None:
        """Of all that Tornado keeps for a request: see `handlers/wire.py`."""
        self.detach()
        self.connection.set_close_callback(self.on_connection_close)
        self._is_detached = True
        self.request = self.ui = None  # type: ignore[assignment]
        self._headers = _NO_HEADERS

    def _close_gently(self) -> None:
        assert self._wire is not None
        if not self._is_detached:
            self._let_go()
        self._wire.end()

    # How it keeps up.

    def _read(self) -> None:
        if self._state is not State.LEFT and self._reading is None:
            assert self._wire is not None
            self._wire.shut(self.outlet)
            self._state = State.READING
            self._reading = asyncio.create_task(self._read_up_to_date())

    async def _read_up_to_date(self) -> None:
        """Sends what the feed has beyond the last event sent, until nothing is missing."""
        try:
            while self._state is State.READING:
                if self._newest_known > self.outlet.seq:
                    await self._send_page()
                elif self._go_live():
                    break
        except StreamClosedError:
            self.leave()
        except Exception:
            _log.exception("a stream of user %d broke", self.user_id)
            self.break_off()
        finally:
            self._reading = None

    async def _send_page(self) -> None:
        try:
            events, more = await self.app.replays.read(self.user_id, self.outlet.seq)
        except DatabaseError:
            # The stream stays open, and goes on pinging.
            await asyncio.sleep(AGAIN_SECONDS * random.uniform(1, 2))  # noqa: S311
            return None
        piece = b""
        for fact in events:
            if self._state is not State.READING:
                return None
            if fact.seq != self.outlet.seq + 1:
                return self.break_off()  # pruned just now; its client asks again, and is reset
            if fact.data is not None:
                piece += encoded(fact).plain
            self.outlet.seq = fact.seq
            if len(piece) >= PIECE_BYTES:
                await self._send_piece(piece)
                piece = b""
        if not more:
            self._newest_known = self.outlet.seq
        if piece:
            await self._send_piece(piece)

    async def _send_piece(self, plain: bytes) -> None:
        """Returns when the client has taken it, but for what the kernel keeps."""
        assert self._wire is not None
        if self._is_detached:
            await self._wire.write_through(plain)
        else:
            self.write(plain)
            await self.flush()

    def _go_live(self) -> bool:
        """Sends what was held back; False if that has a gap, or was too much to hold."""
        backlog, self._backlog, self._held_bytes = self._backlog, [], 0
        if backlog is None:
            self._newest_known = self.outlet.seq + 1
            return False
        for seq, frame in backlog:
            if seq > self.outlet.seq + 1:
                self._newest_known = seq
                return False
            if seq == self.outlet.seq + 1:
                self._write(frame)
                self.outlet.seq = seq
        if self._state is State.READING:
            self._state = State.LIVE
            if not self._is_detached:
                self._let_go()
            assert self._wire is not None
            self._wire.open(self.outlet)
        return True

    def _hold_back(self, seq: int, frame: Frame) -> None:
        if self._state is State.LEFT or self._backlog is None:
            return
        self._backlog.append((seq, frame))
        self._held_bytes += len(frame.plain)
        if self._held_bytes > BACKLOG_BYTES:
            self._backlog = None

    def _write(self, frame: Frame) -> None:
        assert self._wire is not None
        try:
            self._wire.write(frame)
        except Full:
            _log.info("a stream of user %d does not keep up and is ended", self.user_id)
            self.break_off("slow")
