"""Rate limits: how often somebody may do what costs others something.

Two shapes, as the contract words them: so many at once and then so many a second (`Bucket`), and so
many a minute (`Window`). A request that is refused for another reason has taken nothing. All of
them forget who has been away the longest, so that their memory has an end.
"""

import asyncio
import ipaddress
import math
import time
from collections import deque
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Protocol

from cachetools import LRUCache

from config import Config
from handlers import problems

MOST_IN_BUCKETS = 50_000  # keys remembered, at about 150 bytes each
MOST_IN_WINDOWS = 10_000  # at up to 2 KB each
MINUTE = 60.0  # seconds
REST_SECONDS = 0.005  # between requests of who floods: at most 200 a second
RESTS = 4  # times as long as the last one took: at most a fifth of the time
LONGEST_REST_SECONDS = 0.1
LONGEST_TURN_SECONDS = 0.1  # what takes longer waits for something else, not for the server

Clock = Callable[[], float]


class Limit(Protocol):
    def take(self, key: Hashable) -> float:
        """Takes one and returns 0; or takes none and returns the seconds until there is one."""


class Bucket:
    """`at_once`, and then `per_second`: a token bucket, kept as the time at which it is full again
    (the generic cell rate algorithm, ITU-T I.371)."""

    def __init__(self, at_once: int, per_second: int, now: Clock = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._most_ahead = (at_once - 1) * self._interval
        self._now = now
        self._full_at: LRUCache[Hashable, float] = LRUCache(MOST_IN_BUCKETS)

    def take(self, key: Hashable, cost: float = 1.0) -> float:
        now = self._now()
        full_at = max(now, self._full_at.get(key, now)) + cost * self._interval
        wait = full_at - self._interval - self._most_ahead - now
        if wait > 1e-9:  # the sum of a hundred intervals is not to the bit what it should be
            return wait
        self._full_at[key] = full_at
        return 0.0


class Window:
    """`per_minute`, in any sixty seconds that one may choose."""

    def __init__(self, per_minute: int, now: Clock = time.monotonic) -> None:
        self._per_minute = per_minute
        self._now = now
        self._times: LRUCache[Hashable, deque[float]] = LRUCache(MOST_IN_WINDOWS)

    def take(self, key: Hashable) -> float:
        now = self._now()
        times = self._times.get(key)
        if times is None:
            times = self._times[key] = deque(maxlen=self._per_minute)
        if len(times) == self._per_minute and times[0] + MINUTE > now:
            return times[0] + MINUTE - now
        times.append(now)
        return 0.0


class Unlimited:
    def take(self, key: Hashable) -> float:
        return 0.0


class Limits:
    """All limits of one server: by user id, and for sign-ins by address (`network`)."""

    def __init__(self, config: Config, now: Clock = time.monotonic) -> None:
        on = config.rate_limits
        self.sends: Limit = (
            Bucket(config.sends_at_once, config.sends_per_second, now) if on else Unlimited()
        )
        self.searches: Limit = (
            Bucket(config.searches_at_once, config.searches_per_second, now) if on else Unlimited()
        )
        self.conversations: Limit = (
            Window(config.conversations_per_minute, now) if on else Unlimited()
        )
        self.sign_ins: Limit = Window(config.sign_ins_per_minute, now) if on else Unlimited()
        # All streams that a user may have may return at once, whatever else is asked.
        at_once = config.requests_at_once + config.max_streams_per_user
        self.lines = Lines(Bucket(at_once, config.requests_per_second, now)) if on else None

    def check(self, limit: Limit, key: Hashable) -> None:
        """Takes one. Raises `problems.TooMany`."""
        if wait := limit.take(key):
            raise too_many(wait)


class Lines:
    """Where those wait who ask for much at once: each payer in a line of their own.

    A payer is a user, or an address where nobody says who asks. Within the budget nobody waits.
    What is asked beyond it is worked off one at a time, with rests, so that who floods, over
    however many connections, waits for themselves, and others do not. Who asks one thing after the
    other, over one connection, has half of the time.
    """

    def __init__(self, budget: Bucket) -> None:
        self._budget = budget
        self._lines: dict[Hashable, _Line] = {}

    def turn(self, payer: Hashable, cost: float, connection: object) -> "Turn | None":
        """For one request, until it is answered; None where it is within the budget."""
        if not self._budget.take(payer, cost):
            return None
        line = self._lines.get(payer)
        if line is None:
            line = self._lines[payer] = _Line(lambda: self._lines.pop(payer))
        return line.turn(connection)


class _Line:
    """One payer's; `close` is called when there is nobody in it any more."""

    def __init__(self, close: Callable[[], object]) -> None:
        self._close = close
        self._waiting: dict[Turn, None] = {}
        self._latest: Turn | None = None  # that has come
        self._rest: asyncio.TimerHandle | None = None

    def turn(self, connection: object) -> "Turn":
        turn = Turn(self, connection)
        self._waiting[turn] = None
        latest = self._latest
        if latest is None:
            self._go_on()
        elif len(self._waiting) == 1 and latest.ended and latest.connection is connection:
            self._rest_for(latest.seconds)
        return turn

    def end(self, turn: "Turn") -> None:
        rest = min(max(REST_SECONDS, RESTS * turn.seconds), LONGEST_REST_SECONDS)
        self._rest_for(rest)

    def give_up(self, turn: "Turn") -> None:
        del self._waiting[turn]

    def _rest_for(self, seconds: float) -> None:
        """After the latest."""
        assert self._latest is not None
        if self._rest is not None:
            self._rest.cancel()
        left = self._latest.ended + seconds - time.monotonic()
        if left > 0:
            self._rest = asyncio.get_running_loop().call_later(left, self._go_on)
        else:
            self._go_on()

    def _go_on(self) -> None:
        if not self._waiting:
            self._close()
            return
        self._latest = next(iter(self._waiting))
        del self._waiting[self._latest]
        self._latest.begin()


class Turn:
    """One request's, in the line of its payer."""

    def __init__(self, line: _Line, connection: object) -> None:
        self.connection = connection
        self.ended = 0.0  # when, by a clock of its own: uvloop's goes by milliseconds
        self._line = line
        self._come: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._began = 0.0
        self._end: asyncio.TimerHandle | None = None

    @property
    def has_come(self) -> bool:
        return self._come.done()

    @property
    def seconds(self) -> float:
        """That it took."""
        return self.ended - self._began

    async def comes(self) -> bool:
        """Whether it did; else the request was given up before."""
        return await self._come

    def begin(self) -> None:
        self._began = time.monotonic()
        self._end = asyncio.get_running_loop().call_later(LONGEST_TURN_SECONDS, self.end)
        self._come.set_result(True)

    def end(self) -> None:
        """When all that it was for is done; may be called any number of times."""
        if self._end is None:
            self.give_up()
        elif not self.ended:
            self.ended = time.monotonic()
            self._end.cancel()
            self._line.end(self)

    def give_up(self) -> None:
        """Unless it has come: then it goes on."""
        if not self.has_come:
            self._line.give_up(self)
            self._come.set_result(False)


def too_many(wait: float) -> problems.TooMany:
    """`wait` in seconds."""
    return problems.TooMany(
        "rate_limited",
        "You're doing that too often. Please try again in a moment.",
        max(1, math.ceil(wait)),
    )


@lru_cache(10_000)
def network(address: str | None) -> str:
    """Whom an address counts for: of IPv6 the /64, since that is what one subscriber has."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return ""  # a socket without addresses: all of its callers are one
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
