"""Counts what the people of a storm were answered and have read, and compares it with the database.

The notices in the database say who was in a group when: whoever is there gets a message, and nobody
else. A replay may leave out what precedes the end of a conversation.
"""

import copy
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from tests.chaos.people import Arrival, Reader, Sender
from tests.support import law
from tests.support.law import State
from tests.support.postgres import ask
from tests.support.sse import Event

# The server prunes feeds; this has all of their rows.
KEPT = """
    CREATE TABLE storm_events (
        user_id         bigint,
        seq             bigint,
        conversation_id bigint,
        message_id      bigint,
        told_at         float8 DEFAULT extract(epoch FROM clock_timestamp()),
        PRIMARY KEY (user_id, seq)
    );
    CREATE FUNCTION keep_storm_events() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO storm_events (user_id, seq, conversation_id, message_id)
        SELECT user_id, seq, conversation_id, message_id
        FROM added;
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER keep_storm_events
        AFTER INSERT ON feed_events
        REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION keep_storm_events();
"""

MESSAGES = """
    SELECT id::text, conversation_id::text, user_id::text, notice ->> 'kind', notice -> 'users'
    FROM messages
    ORDER BY messages.id
"""

MOVES = """
    SELECT count(*)
    FROM messages
    WHERE notice ->> 'kind' IN ('added', 'removed', 'left')
"""

CHANGES = ("change", "reactions")

PAIRS = """
    SELECT conversation_id::text, user_id::text
    FROM participants
    WHERE role IS NULL
"""

FEEDS = """
    SELECT user_id::text, seq, conversation_id::text, message_id::text, told_at
    FROM storm_events
"""


class Counts(NamedTuple):
    """Each must be 0, from `lost` on."""

    answered: int
    answers_lost_and_told_by_a_repeat: int
    comings_and_goings: int
    events_of_changes: int  # edits, deletions and reactions
    left_out_before_a_gone: int  # numbers that a replay has skipped
    events_read: int
    connections: int
    lost: int
    doubled: int
    out_of_order: int
    gaps: int
    resets: int
    leaked: int  # messages that reached somebody who was not in the group, or were refused
    differing: int  # conversations, messages and members that are not as a client has them


class Row(NamedTuple):
    """A row of a feed."""

    conversation_id: str | None
    message_id: str | None
    told_at: float  # seconds since 1970


Feed = dict[tuple[str, int], Row]  # by user id and number


def count(dsn: str, senders: Sequence[Sender], readers: Sequence[Reader], differing: int) -> Counts:
    stored: Counter[tuple[str, str]] = Counter(
        ask(dsn, "SELECT id::text, client_id::text FROM messages")
    )
    client_ids = Counter(client_id for _, client_id in stored.elements())
    answered = [message for sender in senders for message in sender.answered]
    lost = sum((m["id"], m["clientId"]) not in stored for m in answered)
    doubled = sum(number - 1 for number in client_ids.values())
    leaked = sum(client_id in client_ids for s in senders for client_id in s.refused)
    out_of_order = gaps = resets = excused_gaps = 0
    meant = recipients(dsn)
    feed = {(user, seq): Row(*row) for user, seq, *row in ask(dsn, FEEDS)}
    for reader in readers:
        events = reader.events
        seqs = [event.seq for event in events]
        doubled += len(seqs) - len(set(seqs))
        out_of_order += sum(b < a for a, b in pairwise(seqs)) + misplaced(events)
        resets += sum(event.name == "reset" for event in events)
        skipped = list(missing(reader))
        excused = {seq for seq, after in skipped if is_excused(reader, seq, after, feed)}
        gaps += len(skipped) - len(excused)
        excused_gaps += len(excused)
        left_out = {feed[reader.person.id, seq].message_id for seq in excused}
        told = {event.data["id"] for event in events if event.name == "message"}
        mine = {m for m in meant[reader.person.id] if int(m) > newest_of(reader.begun)}
        lost += len(mine - told - left_out)
        leaked += len(told - mine)
    return Counts(
        answered=len(answered),
        answers_lost_and_told_by_a_repeat=sum(s.first_told_by_a_repeat for s in senders),
        comings_and_goings=ask(dsn, MOVES)[0][0],
        events_of_changes=sum(e.name in CHANGES for reader in readers for e in reader.events),
        left_out_before_a_gone=excused_gaps,
        events_read=sum(len(reader.arrivals) for reader in readers),
        connections=sum(reader.connections for reader in readers),
        lost=lost,
        doubled=doubled,
        out_of_order=out_of_order,
        gaps=gaps,
        resets=resets,
        leaked=leaked,
        differing=differing,
    )


def recipients(dsn: str) -> dict[str, set[str]]:
    """Returns the ids of the messages that each user is to get, notices too."""
    there: dict[str, set[str]] = defaultdict(set)
    for conversation, user in ask(dsn, PAIRS):
        there[conversation].add(user)
    found: dict[str, set[str]] = defaultdict(set)
    for message_id, conversation, actor, kind, users in ask(dsn, MESSAGES):
        if kind == "created":
            there[conversation].add(actor)
        if kind in ("created", "added"):
            there[conversation].update(users)
        elif kind in ("removed", "left"):
            there[conversation].difference_update(users)
        for user in there[conversation]:
            found[user].add(message_id)
    return found


def newest_of(state: State) -> int:
    """Returns the id of the newest message that the client had before the storm, or 0."""
    shown = [c["lastMessage"] for c in state.conversations.items]
    return max((int(message["id"]) for message in shown if message), default=0)


def missing(reader: Reader) -> Iterator[tuple[int, Arrival]]:
    """Returns the numbers that a reader has not got, each with what came instead."""
    before = law.seq_of(reader.begun.position)
    for arrival in reader.arrivals:
        for seq in range(before + 1, arrival.event.seq):
            yield seq, arrival
        before = arrival.event.seq


def is_excused(reader: Reader, seq: int, after: Arrival, feed: Feed) -> bool:
    """Whether a replay left out a number, and the end of its conversation follows."""
    row = feed[reader.person.id, seq]
    return row.told_at < after.opened_at and any(
        event.seq > seq and event.data["conversationId"] == row.conversation_id
        for event in reader.events
        if event.name == "gone"
    )


def misplaced(events: Iterable[Event]) -> int:
    """Messages that arrived before an older one of the same conversation."""
    newest: dict[str, int] = {}
    found = 0
    for event in events:
        if event.name == "message":
            conversation, number = event.data["conversationId"], int(event.data["id"])
            found += number <= newest.get(conversation, 0)
            newest[conversation] = number
    return found


async def differences(reader: Reader) -> int:
    """Returns how much of what a client has now is not what it would fetch now."""
    person, state = reader.person, copy.deepcopy(reader.begun)
    for event in reader.events:
        if event.name in law.APPLY:
            law.apply(state, event)
    await law.fetch_missing(person, state)
    fresh = await law.snapshot(person)
    lists: list[tuple[Any, Any]] = [(state.conversations.items, fresh.conversations.items)]
    for had, parts in ((state.messages, fresh.messages), (state.members, fresh.members)):
        lists += [(items_of(had.get(key)), items_of(parts.get(key))) for key in {*had, *parts}]
    return sum(unequal(had, now) for had, now in lists)


def items_of(part: law.Part | None) -> list[Any]:
    return [] if part is None else part.items


def unequal(had: list[Any], now: list[Any]) -> int:
    """Returns the number of items that differ, or stand elsewhere."""
    same: int = sum(a == b for a, b in zip(had, now, strict=False))
    return max(len(had), len(now)) - same
