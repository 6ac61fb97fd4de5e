"""Rate limits: how often somebody may do what costs others something.

Two shapes, as the contract words them: so many at once and then so many a second (`Bucket`), and so
many a minute (`Window`). A request that is refused for another reason has taken nothing. All of
them forget who has been away the longest, so that their memory has an end.
"""

import asyncio
import contextlib
import ipaddress
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Protocol
from weakref import WeakValueDictionary

from cachetools import LRUCache

from config import Config
from db import pool
from handlers import problems

MOST_IN_BUCKETS = 50_000  # keys remembered, at about 150 bytes each
MOST_IN_WINDOWS = 10_000  # at up to 2 KB each
MINUTE = 60.0  # seconds
PAUSE_SECONDS = 0.005  # before a refusal: at most 200 a second for who floods, a tenth of a core

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

    def take(self, key: Hashable) -> float:
        now = self._now()
        full_at = max(now, self._full_at.get(key, now))
        wait = full_at - self._most_ahead - now
        if wait > 1e-9:  # the sum of a hundred intervals is not to the bit what it should be
            return wait
        self._full_at[key] = full_at + self._interval
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
        self._turns: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def check(self, limit: Limit, key: Hashable) -> None:
        """Takes one. Raises `problems.TooMany`."""
        if wait := limit.take(key):
            async with self.turn(key, wait):
                raise too_many(wait)

    @contextlib.asynccontextmanager
    async def turn(self, key: Hashable, wait: float) -> AsyncIterator[None]:
        """For what is told beyond a limit: one at a time for each `key`, and slowly.

        So who floods, over however many connections, waits for themselves, and others do not.
        Raises `problems.TooMany` for who would wait longer than a request may.
        """
        lock = self._turns.get(key)
        if lock is None:
            lock = self._turns[key] = asyncio.Lock()
        try:
            async with asyncio.timeout_at(pool.deadline()):
                await lock.acquire()
        except TimeoutError:
            raise too_many(wait) from None
        try:
            await asyncio.sleep(PAUSE_SECONDS)
            yield
        finally:
            lock.release()


def too_many(wait: float) -> problems.TooMany:
    """`wait` in seconds."""
    return problems.TooMany(
        "rate_limited", "That was too much in too short a time.", max(1, math.ceil(wait))
    )


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
