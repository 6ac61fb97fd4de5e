"""The metrics for Prometheus."""

import time
from collections.abc import Callable, Iterable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from config import VERSION

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """The metrics of one application. Each has its own registry: tests run several at once."""

    def __init__(self, open_streams: Callable[[], int], away: Callable[[], bool]) -> None:
        self._registry = CollectorRegistry()
        version = Info("messenger", "The server that answers.", registry=self._registry)
        version.info({"version": VERSION})
        streams = Gauge("messenger_streams_open", "Open event streams.", registry=self._registry)
        streams.set_function(open_streams)
        database = Gauge(
            "messenger_database_away",
            "1 while the database cannot be reached.",
            registry=self._registry,
        )
        database.set_function(lambda: float(away()))
        self._streams_ended = Counter(
            "messenger_streams_ended_total",
            "Event streams that ended, by reason: gone (the client disconnected), slow, expired, "
            "revoked, draining, refused, broken.",
            ["reason"],
            registry=self._registry,
        )
        self._requests = Counter(
            "messenger_requests_total",
            "Requests answered. A stream counts when it ends.",
            ["method", "status"],
            registry=self._registry,
        )
        self._refused = Counter(
            "messenger_refused_total",
            "Input that is not a request or is too large, by the status of the answer.",
            ["status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "messenger_request_seconds",
            "Time from a request's headers to the end of its answer, without streams.",
            buckets=_SECONDS,
            registry=self._registry,
        )

        self._relayed = Counter(
            "messenger_relay_messages_total",
            "Messages of the relay, by direction: out or in.",
            ["direction"],
            registry=self._registry,
        )
        self._relay_lost = Counter(
            "messenger_relay_lost_total",
            "Messages of the relay that were lost or dropped, by reason. The events are looked up.",
            ["reason"],
            registry=self._registry,
        )
        self._relay_delay = Histogram(
            "messenger_relay_delay_seconds",
            "Time from the commit of an event to the streams of another server.",
            buckets=_SECONDS,
            registry=self._registry,
        )

        # Cached, because looking up the labels takes as long as counting.
        self._answered = cache(lambda method, status: self._requests.labels(method, str(status)))

    def stream_ended(self, reason: str) -> None:
        self._streams_ended.labels(reason).inc()

    def refused(self, status: int) -> None:
        """Counts input that is not a request."""
        self._refused.labels(str(int(status))).inc()

    def relay(self, is_up: Callable[[], bool]) -> None:
        """Adds the gauge of the relay."""
        gauge = Gauge(
            "messenger_relay_up",
            "1 while the relay to other servers works.",
            registry=self._registry,
        )
        gauge.set_function(lambda: float(is_up()))

    def relayed(self, direction: str, messages: int) -> None:
        self._relayed.labels(direction).inc(messages)

    def relay_lost(self, reason: str, messages: int = 1) -> None:
        self._relay_lost.labels(reason).inc(messages)

    def relay_delay(self, seconds: float) -> None:
        self._relay_delay.observe(max(seconds, 0.0))

    def looked_up(self, appended_at: Iterable[float]) -> None:
        """Counts events that the relay did not bring in time."""
        now = time.time()
        for at in appended_at:
            self.relay_delay(now - at)

    def answered(self, method: str, status: int, seconds: float | None) -> None:
        """Counts a request. `seconds` is None for a stream."""
        known = method if method in _METHODS else "other"  # clients must not add label values
        self._answered(known, status).inc()
        if seconds is not None:
            self._seconds.observe(seconds)

    def exposition(self) -> tuple[str, bytes]:
        """Returns content type and text."""
        return CONTENT_TYPE_LATEST, generate_latest(self._registry)
