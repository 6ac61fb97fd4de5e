"""A pytest plugin that removes one mechanism from the server: the one that MUTATION names.

It does so in the process of the tests, and in the servers of tests/chaos/doomed.py.
tests/test_mutations.py shows that a test fails for each.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import msgspec
import pytest

from bus import connection as stream_connection
from bus.event import Frame
from db import connection, feed_append, jobs, unread
from db.changes import edits
from db.changes.change import Change, Told, _Changed
from db.changes.reactions import Reactions, _Counted
from db.connection import Connection, Row
from db.feed import Event
from db.feed_writer import FeedWriter
from db.kind import FeedRow
from db.message import SENT, Message
from db.server.contact import Contact
from db.sessions import Sessions
from db.write_result import Appended
from handlers import delivery, replays
from handlers import stream as streams
from handlers.cluster import Cluster
from handlers.stream import StreamHandler
from relay.peers import Heard, Peers
from relay.relay import Relay


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
            for appended in outcome.appended:
                self._publish(appended)
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


def relay_before_commit() -> None:
    """Tells other servers of a message while its transaction is open."""
    publish_before_commit()


def no_look_at_a_missing_number() -> None:
    hear = Peers.hear

    def careless(self: Peers, *args: Any) -> Heard:
        heard = hear(self, *args)
        return Heard.NEXT if heard is Heard.GAP else heard

    Peers.hear = careless  # type: ignore[assignment, method-assign]


def no_beat() -> None:
    async def beat(self: Relay) -> None:
        await asyncio.Event().wait()

    Relay.beat = beat  # type: ignore[method-assign]


def no_look_at_silence() -> None:
    Relay.hears_all = property(lambda self: True)  # type: ignore[assignment, method-assign]


def sessions_trusted_without_contact() -> None:
    init = Sessions.__init__

    def trusting(self: Sessions, db: Any, contact: Contact | None = None) -> None:
        init(self, db, None)

    Sessions.__init__ = trusting  # type: ignore[method-assign]


def sessions_kept_after_lost_contact() -> None:
    Sessions.forget = lambda self: None  # type: ignore[method-assign]


def events_passed_on_without_contact() -> None:
    hand_out = Cluster._hand_out

    def pass_on(self: Cluster, *args: Any) -> Any:
        contact, self._contact = self._contact, Contact(needed=False)
        try:
            return hand_out(self, *args)
        finally:
            self._contact = contact

    Cluster._hand_out = pass_on  # type: ignore[assignment, method-assign]


def a_look_that_failed_is_not_repeated() -> None:
    look_once = Cluster._look_once

    async def look_and_forget(self: Cluster) -> bool:
        await look_once(self)
        return True

    Cluster._look_once = look_and_forget  # type: ignore[method-assign]


def no_counts_in_changes() -> None:
    """Tells of a deletion without the counts of those who had the message unread."""
    original = Told.appended

    def appended(self: Told, message: Message) -> list[Appended]:
        return original(self._replace(counts={}), message)

    Told.appended = appended  # type: ignore[method-assign]


def versions_that_are_not_compared() -> None:
    """Edits any version of a message, whichever the request names."""
    parameters = edits._parameters
    edits._parameters = lambda edit: parameters(edit._replace(version=None))


def _rewrite(old: str, new: str, where: str = "") -> None:
    """Replaces a part of all statements, or of those that contain `where`."""
    original = Connection.rows

    async def rows(
        self: Connection, sql: str, params: Mapping[str, Any], seconds: float
    ) -> list[Row]:
        rewritten = sql.replace(old, new) if where in sql else sql
        return await original(self, rewritten, params, seconds)

    Connection.rows = rows  # type: ignore[method-assign]


def recipients_read_before_the_lock() -> None:
    """Sends a message to those who were members as its transaction began."""
    there = """
        SELECT set_config('tests.there', array_agg(user_id)::text, true)
        FROM participants
        WHERE conversation_id = ANY (%(conversation_ids)s::bigint[]);
    """
    _rewrite(feed_append.LOCK, there + feed_append.LOCK, where="stored AS (")
    _rewrite(
        "JOIN participants ON participants.conversation_id = stored.conversation_id",
        "JOIN unnest(current_setting('tests.there')::bigint[]) AS participants (user_id) ON true",
    )


def no_lock_of_the_group() -> None:
    """Changes groups and their members with nothing locked but feeds."""
    _rewrite(feed_append.LOCK_GROUPS, "", where="coming AS (")


def members_see_what_was_before_them() -> None:
    _rewrite("AND id >= me.sees_from", "")


def replays_of_what_was_before_one_came_again() -> None:
    _rewrite("e.seq >= p.came_at_seq", "p.user_id IS NOT NULL")


def live_streams_leave_out_numbers() -> None:
    read_page = replays.read_page

    async def read_leniently(*args: Any, **options: Any) -> replays.Page:
        return await read_page(*args, **{**options, "opened_at": 2**62})

    streams.read_page = read_leniently  # type: ignore[attr-defined]


def deleted_messages_left_out_of_replays() -> None:
    of = Message.from_row

    def from_row(row: FeedRow) -> Message | None:
        message = of(row)
        return None if message is None or message.deleted_at else message

    Message.from_row = from_row  # type: ignore[method-assign]
    object.__setattr__(SENT, "from_row", from_row)


def counts_of_today_in_replays() -> None:
    """Replays a change with the counts that are there now."""
    today = f"""
        CASE
            WHEN e.kind = 'change' AND e.payload IS NOT NULL
            THEN (
                SELECT jsonb_build_object(
                    'unread_count', ({unread.unread()}),
                    'unread_mention_count', ({unread.unread_mentions()})
                )
                FROM participants mine
                WHERE mine.user_id = e.user_id
                    AND mine.conversation_id = e.conversation_id
            )
            ELSE e.payload
        END,
    """
    _rewrite("e.payload,", today)


def reactions_without_those_before() -> None:
    """Tells of the latest kind of reaction only, in place of all that are there."""
    seen_by = _Counted.seen_by

    def seen_without(self: _Counted, user_id: int) -> Reactions:
        seen = seen_by(self, user_id)
        return msgspec.structs.replace(seen, reactions=seen.reactions[-1:])

    _Counted.seen_by = seen_without  # type: ignore[method-assign]


def no_zero_in_a_change() -> None:
    """Leaves out a count of 0, as in a conversation."""
    seen_by = _Changed.seen_by

    def seen_without(self: _Changed, user_id: int) -> Change:
        seen = seen_by(self, user_id)
        counts = seen.unread_count or None, seen.unread_mention_count or None
        return Change(seen.message, *counts)

    _Changed.seen_by = seen_without  # type: ignore[method-assign]


def batches_without_a_bound_of_rows() -> None:
    jobs.MAX_ROWS = jobs.MAX_SHARED_ROWS = 2**40


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
        relay_before_commit,
        no_look_at_a_missing_number,
        no_beat,
        no_look_at_silence,
        sessions_trusted_without_contact,
        sessions_kept_after_lost_contact,
        events_passed_on_without_contact,
        a_look_that_failed_is_not_repeated,
        no_counts_in_changes,
        versions_that_are_not_compared,
        recipients_read_before_the_lock,
        no_lock_of_the_group,
        members_see_what_was_before_them,
        replays_of_what_was_before_one_came_again,
        live_streams_leave_out_numbers,
        deleted_messages_left_out_of_replays,
        counts_of_today_in_replays,
        reactions_without_those_before,
        no_zero_in_a_change,
        batches_without_a_bound_of_rows,
    )
}


def pytest_configure(config: pytest.Config) -> None:
    MUTATIONS[os.environ["MUTATION"]]()
