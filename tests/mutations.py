"""A pytest plugin that removes one mechanism from the server: the one that MUTATION names.

tests/test_mutations.py shows that a test fails for each.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest

from bus import connection as stream_connection
from bus.event import Frame
from db import connection
from db.connection import Connection, Row
from db.feed import Event
from db.feed_writer import FeedWriter
from db.messages import Message
from handlers import delivery, replays
from handlers import stream as streams
from handlers.stream import StreamHandler


def no_dedup_at_the_seam() -> None:
    """Sends all events that were held back during the read, even those that the feed had."""

    original = StreamHandler._go_live

    def go_live(self: StreamHandler) -> bool:
        for seq, frame in self._backlog or []:
            if seq <= self._seq:
                self._write(frame)
        return original(self)

    StreamHandler._go_live = go_live  # type: ignore[method-assign]


def publish_before_commit() -> None:
    """Publishes a message to streams while its transaction is open."""

    class Begun:
        def __init__(self, conn: Connection) -> None:
            self._conn = conn

        async def rows(self, sql: str, params: Mapping[str, Any], **_: Any) -> list[Row]:
            return await self._conn.rows(f"BEGIN; {sql}", params, 5)

    async def attempt(self: FeedWriter, batch: list[Any], blocked: bool) -> Any:
        conn = await connection.connect(self._db.dsn, 5)
        outcomes = await batch[0].store(Begun(conn), [job.write for job in batch])
        for outcome in outcomes:
            if outcome.appended is not None:
                self._publish(outcome.appended)
        await conn.rows("COMMIT", {}, 5)
        conn.close()
        return outcomes

    FeedWriter._attempt = attempt  # type: ignore[method-assign]


def cursor_by_message_id() -> None:
    """Gives an event the id of its message, a common mistake in event streams."""
    encoded = delivery.encoded

    def by_message_id(fact: Event) -> Frame:
        if isinstance(fact.data, Message):
            fact = fact._replace(seq=int(fact.data.id))
        return encoded(fact)

    delivery.encoded = by_message_id
    replays.encoded = by_message_id  # type: ignore[attr-defined]


def no_ping() -> None:
    StreamHandler.ping = lambda self: None  # type: ignore[method-assign]


def no_look_at_closed_before_subscribing() -> None:
    def subscribe(self: StreamHandler) -> bool:
        self._state = streams.State.OPENING
        self.services.bus.subscribe(self)
        self.services.heartbeat.add(self)
        return True

    StreamHandler._subscribe = subscribe  # type: ignore[method-assign]


def no_buffer_limit() -> None:
    stream_connection.MAX_BUFFERED_BYTES = 2**40


def no_exp_required() -> None:
    decode = jwt.decode

    def lenient(token: str, key: str, **more: Any) -> dict[str, Any]:
        more["options"] = {**more["options"], "require": ["sub", "sid", "iat"]}
        claims = decode(token, key, **more)
        return {"exp": claims["iat"] + 60, **claims}

    jwt.decode = lenient  # type: ignore[assignment]


MUTATIONS: dict[str, Callable[[], None]] = {
    mutate.__name__: mutate
    for mutate in (
        no_dedup_at_the_seam,
        publish_before_commit,
        cursor_by_message_id,
        no_ping,
        no_look_at_closed_before_subscribing,
        no_buffer_limit,
        no_exp_required,
    )
}


def pytest_configure(config: pytest.Config) -> None:
    MUTATIONS[os.environ["MUTATION"]]()
