"""Rate limits for users and addresses.

`TokenBucket` allows a burst, and then a rate per second. `SlidingWindow` allows a number per
minute. A request that another check refuses does not count. Both forget the least recently used
keys, which bounds their memory.
"""

import ipaddress
import math
import time
from collections import deque
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Protocol

from cachetools import LRUCache

from config import Config
from handlers.requests import problems

MOST_IN_BUCKETS = 50_000  # keys remembered, at about 150 bytes each
MOST_IN_WINDOWS = 10_000  # at up to 2 KB each
MINUTE = 60.0  # seconds
TYPING_SECONDS = 3  # others see for 6 s that a user is typing

Clock = Callable[[], float]


class Limit(Protocol):
    def take(self, key: Hashable) -> float:
        """Takes one and returns 0, or takes none and returns the seconds to wait."""


class LimitOfMany(Protocol):
    def take(self, key: Hashable, n: int = 1) -> float:
        """Takes `n` and returns 0, or takes none and returns the seconds to wait."""


class TokenBucket:
    """Allows a burst of `at_once`, and then `per_second`.

    It stores only the time at which the bucket is full again (the generic cell rate algorithm,
    ITU-T I.371).
    """

    def __init__(self, at_once: int, per_second: float, now: Clock = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._most_ahead = at_once * self._interval
        self._now = now
        self._full_at: LRUCache[Hashable, float] = LRUCache(MOST_IN_BUCKETS)

    def take(self, key: Hashable, n: int = 1) -> float:
        now = self._now()
        full_at = max(now, self._full_at.get(key, now)) + n * self._interval
        wait = full_at - self._most_ahead - now
        if wait > 1e-9:  # tolerates the rounding errors of a sum of a hundred intervals
            return wait
        self._full_at[key] = full_at
        return 0.0


class SlidingWindow:
    """Allows `per_minute` in any sixty seconds."""

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
    def take(self, key: Hashable, n: int = 1) -> float:
        return 0.0


class Limits:
    """All limits of one server. Keys are user ids, and for sign-ins addresses (`network`)."""

    def __init__(self, config: Config, now: Clock = time.monotonic) -> None:
        on = config.rate_limits
        self.sends: Limit = (
            TokenBucket(config.sends_at_once, config.sends_per_second, now) if on else Unlimited()
        )
        self.searches: Limit = (
            TokenBucket(config.searches_at_once, config.searches_per_second, now)
            if on
            else Unlimited()
        )
        self.reactions: Limit = (
            TokenBucket(config.reactions_at_once, config.reactions_per_second, now)
            if on
            else Unlimited()
        )
        self.conversations: Limit = (
            SlidingWindow(config.conversations_per_minute, now) if on else Unlimited()
        )
        self.members: LimitOfMany = (
            TokenBucket(config.members_at_once, config.members_per_minute / MINUTE, now)
            if on
            else Unlimited()
        )
        # A promise to those who see it, so it is always on. Keys are (user id, conversation id).
        self.typing: Limit = TokenBucket(1, 1 / TYPING_SECONDS, now)
        self.sign_ins: Limit = SlidingWindow(config.sign_ins_per_minute, now) if on else Unlimited()

    def check(self, limit: Limit, key: Hashable) -> None:
        """Takes one, or raises `problems.TooMany`."""
        if wait := limit.take(key):
            raise too_many(wait)


def too_many(wait: float) -> problems.TooMany:
    """Returns the problem with a `Retry-After` of `wait` seconds, rounded up."""
    return problems.TooMany(
        "rate_limited",
        "You're doing that too often. Please try again in a moment.",
        max(1, math.ceil(wait)),
    )


@lru_cache(10_000)
def network(address: str | None) -> str:
    """Returns the key of an address: for IPv6 its /64, which is what one subscriber has."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return ""  # a socket without addresses: all of its clients share one key
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
