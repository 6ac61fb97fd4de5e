"""Reactions: who sees them, what is one emoji, how many fit, and what happens at the same time."""

import asyncio
import dataclasses
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tornado.ioloop import IOLoop

from bus import event
from bus.bus import Bus
from config import Config
from db import feed
from db.changes import reactions
from db.changes.reactions import REACTIONS, Reacting, TooMany
from db.feed import After
from db.feed_writer import FeedWriter
from db.messages import Draft
from db.pool import Database
from handlers.application import Messenger
from handlers.delivery import publisher
from handlers.requests.limits import Limits
from tests.support import groups
from tests.support.feeds import Counting
from tests.support.people import Answer, Person, Visitor, cursor_of, path, two
from tests.support.rules import rule
from tools import emoji

THUMB, HEART, CAT = "👍", "❤️", "🐈"
MANY = [chr(n) for n in range(0x1F600, 0x1F615)]  # 21 faces


def at(talk: str, message_id: str, *text: str) -> str:
    return path("api", "conversations", talk, "messages", message_id, "reactions", *text)


async def react(person: Person, talk: str, message_id: str, text: str) -> Answer:
    return await person.ask("PUT", at(talk, message_id, text))


async def take_back(person: Person, talk: str, message_id: str, text: str) -> Answer:
    return await person.delete(at(talk, message_id, text))


async def shown(person: Person, talk: str) -> list[tuple[str, int, bool]]:
    """Returns the reactions to the newest message."""
    newest = (await person.history(talk, 1))[0]
    return [(r["emoji"], r["count"], r["mine"]) for r in newest.get("reactions", [])]


# Who sees them.


@rule("api#reacting", "api#reactions-event")
@pytest.mark.gen_test
async def test_a_reaction_reaches_everyone_who_sees_the_message_and_nobody_else(
    visitor: Visitor,
) -> None:
    john, jane, talk = await two(visitor)
    mallory = await visitor.sign_in("mallory")
    sent = (await john.send(talk, "hello"))["id"]
    async with john.stream() as his, jane.stream() as hers, mallory.stream() as strangers:
        assert (await react(jane, talk, sent, THUMB)).status == 204
        for stream, person, mine in ((his, john, False), (hers, jane, True)):
            live = await stream.event()
            assert (live.name, live.data) == (
                "reactions",
                {
                    "conversationId": talk,
                    "messageId": sent,
                    "reactions": [{"emoji": THUMB, "count": 1, "mine": mine}],
                },
            )
            assert await shown(person, talk) == [(THUMB, 1, mine)]
            last = (await person.conversation(talk))["lastMessage"]
            assert last["reactions"] == live.data["reactions"]
            async with person.stream(stream.hello.id) as again:
                assert await again.event() == live
        assert await strangers.silent()


@rule("api#reacting")
@pytest.mark.gen_test
async def test_a_repeat_changes_nothing_and_makes_no_event(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    sent = (await john.send(talk, "hello"))["id"]
    async with john.stream() as stream:
        for act in (react, react, take_back, take_back):
            assert (await act(jane, talk, sent, THUMB)).status == 204
        await john.send(talk, "the end")
        told = await stream.events_until("message")
    assert [event.data["reactions"] for event in told[:-1]] == [
        [{"emoji": THUMB, "count": 1, "mine": False}],
        [],
    ]
    assert "reactions" not in (await john.history(talk))[1]


@rule("api#reactions-event")
@pytest.mark.gen_test
async def test_a_replayed_event_shows_the_reactions_that_are_there_now(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    sent = (await john.send(talk, "hello"))["id"]
    async with john.stream() as stream:
        await react(john, talk, sent, THUMB)
        await react(jane, talk, sent, HEART)
        first, second = await stream.events(2)
        assert len(first.data["reactions"]) == 1
    async with john.stream(stream.hello.id) as again:
        assert [event.data for event in await again.events(2)] == [second.data] * 2


@rule("api#reactions-order")
@pytest.mark.gen_test
async def test_the_oldest_reaction_of_each_kind_that_is_there_gives_the_order(
    visitor: Visitor,
) -> None:
    john, jane, talk = await two(visitor)
    sent = (await john.send(talk, "hello"))["id"]
    for person, text in ((john, THUMB), (john, HEART), (jane, HEART), (jane, THUMB)):
        await react(person, talk, sent, text)
    assert await shown(john, talk) == [(THUMB, 2, True), (HEART, 2, True)]
    await take_back(john, talk, sent, THUMB)
    assert await shown(john, talk) == [(HEART, 2, True), (THUMB, 1, False)]
    await react(john, talk, sent, THUMB)
    assert await shown(jane, talk) == [(HEART, 2, True), (THUMB, 2, True)]


@rule("api#reactions-list")
@pytest.mark.gen_test
async def test_the_list_has_who_reacted_newest_first_in_pages(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    sent = (await john.send(talk, "hello"))["id"]
    assert (await john.get(at(talk, sent))).json == []
    for person, text in ((john, THUMB), (jane, HEART), (john, HEART)):
        await react(person, talk, sent, text)
    first = await john.get(at(talk, sent) + "?limit=2")
    assert first.headers["Last-Event-ID"] == (await john.get("/api/conversations")).headers.get(
        "Last-Event-ID"
    )
    second = await john.get(cursor_of(first.headers["Link"]))
    assert "Link" not in second.headers
    listed = [(r["emoji"], r["user"]["username"]) for r in first.json + second.json]
    assert listed == [(HEART, "john"), (HEART, "jane"), (THUMB, "john")]
    assert first.json[0].keys() == {"emoji", "user", "createdAt"}
    assert (await john.get(at(talk, sent) + "?limit=0")).status == 422
    assert (await john.get(at(talk, sent) + "?cursor=x")).status == 422


@rule("api#not-yours", "api#reacting")
@pytest.mark.gen_test
async def test_a_message_that_one_does_not_see_is_not_found(visitor: Visitor, db: Database) -> None:
    john, jane, mallory = [await visitor.sign_in(name) for name in ("john", "jane", "mallory")]
    talk, other = await john.group("Team"), await john.talk_to(mallory)
    old = (await john.send(talk, "before her time"))["id"]
    await john.add(talk, jane)
    sent = (await john.send(talk, "hello"))["id"]
    missing = (await john.get(at("987654321", "1"))).seen
    for person, where, message_id in (
        (mallory, talk, sent),
        (mallory, other, sent),
        (jane, talk, old),
        (john, talk, "987654321"),
        (john, talk, "9" * 19),
        (john, talk, "9" * 30),
    ):
        for text in (THUMB, "nonsense"):  # the 404 comes before the 422
            assert (await react(person, where, message_id, text)).seen == missing
            assert (await take_back(person, where, message_id, text)).seen == missing
        assert (await person.get(at(where, message_id) + "?limit=0")).seen == missing
    for wrong in ("0", "01", "x"):
        assert (await react(john, talk, wrong, THUMB)).status == 404
    async with jane.stream() as stream:
        assert (await react(john, talk, old, THUMB)).status == 204
        assert await stream.silent()


# What is one emoji.


@rule("api#emoji")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("👍", "👍"),
        ("👍\ufe0f", "👍"),
        ("👍🏽", "👍🏽"),
        ("❤", "❤️"),
        ("❤️", "❤️"),
        ("1⃣", "1️⃣"),
        ("🏳‍🌈", "🏳️‍🌈"),
        ("👁️‍🗨", "👁️‍🗨️"),
        ("🇩🇪", "🇩🇪"),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"),
        ("👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"),
        ("🙂‍↔️", "🙂‍↔️"),  # Emoji 15.1
        ("🦰", "🦰"),
    ],
)
@pytest.mark.gen_test
async def test_all_spellings_of_an_emoji_are_one_and_it_is_shown_in_full(
    visitor: Visitor, text: str, expected: str
) -> None:
    john, _, talk = await two(visitor)
    sent = (await john.send(talk, "hello"))["id"]
    assert (await react(john, talk, sent, text)).status == 204
    assert (await react(john, talk, sent, expected)).status == 204
    assert await shown(john, talk) == [(expected, 1, True)]
    assert (await take_back(john, talk, sent, text)).status == 204
    assert await shown(john, talk) == []


@rule("api#emoji")
@pytest.mark.parametrize(
    "segment",
    [
        *("x", "1", "%23", "%F0%9F%8F%BB", "%F0%9F%87%A9"),  # a skin tone, half a flag
        *("%F0%9F%91%8D%F0%9F%91%8D", "%F0%9F%91%8D%20", "%20", "%EF%B8%8F", "%00", "%0A"),
        *("%F0%9F%91%8D%EF%B8%8F%EF%B8%8F", "%FF", "%F0%9F%91", "%2F", "%25", "+1", ":+1:"),
        *("%F0%9F%91%8D" * 100, "%E2%9D%A4%EF%B8%8E"),
    ],
)
@pytest.mark.gen_test
async def test_anything_else_is_refused(visitor: Visitor, segment: str) -> None:
    john, _, talk = await two(visitor)
    sent = (await john.send(talk, "hello"))["id"]
    for method in ("PUT", "DELETE"):
        answer = await john.ask(method, f"{at(talk, sent)}/{segment}")
        assert (answer.status, answer.json["code"]) == (422, "invalid_field"), segment
        assert answer.json["errors"].keys() == {"emoji"}


def test_the_list_of_emoji_is_that_of_the_library() -> None:
    assert emoji.LIST.read_text(encoding="utf-8") == emoji.listed()
    assert len(emoji.listed().split()) >= 3782 - 5  # Emoji 15.1 has as many, with skin tones


# How many fit.


@rule("api#most-reactions")
@pytest.mark.gen_test
async def test_a_user_has_at_most_eight_reactions_to_a_message(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    sent = (await john.send(talk, "hello"))["id"]
    for text in MANY[:8]:
        assert (await react(john, talk, sent, text)).status == 204
    refused = await react(john, talk, sent, MANY[8])
    assert (refused.status, refused.json["code"]) == (409, "too_many_reactions")
    assert (await react(john, talk, sent, MANY[0])).status == 204  # a repeat
    assert (await react(jane, talk, sent, MANY[8])).status == 204
    assert (await take_back(john, talk, sent, MANY[0])).status == 204
    assert (await react(john, talk, sent, MANY[8])).status == 204
    assert len(await shown(john, talk)) == 8


@rule("api#most-reactions")
@pytest.mark.gen_test
async def test_a_message_has_at_most_twenty_kinds(visitor: Visitor) -> None:
    people = [await visitor.sign_in(name) for name in ("john", "jane", "mary")]
    talk = await people[0].group("Team", *people[1:])
    sent = (await people[0].send(talk, "hello"))["id"]
    for n, text in enumerate(MANY[:20]):
        assert (await react(people[n // 7], talk, sent, text)).status == 204
    refused = await react(people[0], talk, sent, MANY[20])
    assert (refused.status, refused.json["code"]) == (409, "too_many_reactions")
    assert (await react(people[0], talk, sent, MANY[19])).status == 204  # of a kind that is there
    assert (await take_back(people[0], talk, sent, MANY[0])).status == 204
    assert (await react(people[1], talk, sent, MANY[20])).status == 204
    assert len(await shown(people[0], talk)) == 20


@rule("api#no-reactions")
@pytest.mark.gen_test
async def test_nobody_reacts_to_a_deleted_message_or_a_notice(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    talk = await john.group("Team", jane)
    notice = (await john.conversation(talk))["lastMessage"]["id"]
    sent = (await john.send(talk, "hello"))["id"]
    assert (await john.delete(path("api", "conversations", talk, "messages", sent))).status == 204
    async with john.stream() as stream:
        refused = await react(jane, talk, sent, THUMB)
        assert (refused.status, refused.json["code"]) == (409, "deleted")
        assert (await react(jane, talk, sent, "x")).status == 422
        assert (await take_back(jane, talk, sent, THUMB)).status == 204
        assert (await react(jane, talk, notice, THUMB)).status == 422
        assert (await take_back(jane, talk, notice, THUMB)).status == 422
        assert await stream.silent()
    assert (await jane.get(at(talk, sent))).json == []


class Clock:
    time = 1000.0

    def __call__(self) -> float:
        return self.time


@rule("api#rate-limits", "api#stored-before")
@pytest.mark.gen_test
async def test_a_user_reacts_thirty_times_at_once_and_then_five_times_a_second(
    visitor: Visitor, app: Messenger, config: Config, db: Database
) -> None:
    clock = Clock()
    app.services.limits = Limits(dataclasses.replace(config, rate_limits=True), clock)
    john, jane, talk = await two(visitor)
    sent = (await john.send(talk, "hello"))["id"]
    for n in range(30):
        await (take_back if n % 2 else react)(john, talk, sent, THUMB)
    refused = await react(john, talk, sent, THUMB)
    assert (refused.status, refused.json["code"]) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == "1"
    assert (await take_back(john, talk, sent, THUMB)).status == 204  # changes nothing
    assert (await react(john, talk, "987654321", THUMB)).status == 404
    assert (await react(john, talk, sent, "x")).status == 422
    for text in MANY[:8]:
        assert (await react(jane, talk, sent, text)).status == 204
    clock.time += 1
    assert [(await react(john, talk, sent, text)).status for text in MANY[:6]] == [204] * 5 + [429]
    for text in MANY[:8]:  # now as if he had eight
        await db.rows(
            """
            INSERT INTO reactions (conversation_id, message_id, emoji, user_id)
            VALUES (%(talk)s, %(sent)s, %(text)s, %(john)s)
            ON CONFLICT DO NOTHING
            """,
            {"talk": int(talk), "sent": int(sent), "text": text, "john": int(john.id)},
            twice=False,
        )
    assert (await react(john, talk, sent, MANY[8])).status == 409
    assert (await john.delete(path("api", "conversations", talk, "messages", sent))).status == 204
    assert (await react(john, talk, sent, THUMB)).status == 409


@rule("api#disk-reserve")
@pytest.mark.gen_test
async def test_a_full_disk_takes_no_reaction_but_lets_go_of_one(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, talk = await two(visitor)
    sent = (await john.send(talk, "hello"))["id"]
    await react(john, talk, sent, THUMB)
    app.services.disk.is_low = True
    refused = await react(jane, talk, sent, THUMB)
    assert (refused.status, refused.json["code"]) == (507, "storage_full")
    assert (await react(john, talk, sent, THUMB)).status == 204  # a repeat
    assert (await take_back(john, talk, sent, THUMB)).status == 204


# At the same time.


@pytest.fixture
def counting(io_loop: IOLoop, dsn: str) -> Iterator[Counting]:
    database = Counting(dsn)
    yield database
    io_loop.run_sync(database.close)


async def crowd(db: Database, number: int) -> list[int]:
    rows = await db.rows(
        """
        WITH made AS (
            INSERT INTO users (username)
            SELECT 'one-of-' || n FROM generate_series(1, %(number)s) n
            RETURNING id
        )
        INSERT INTO feeds (user_id) SELECT id FROM made RETURNING user_id
        """,
        {"number": number},
        twice=False,
    )
    return sorted(user_id for (user_id,) in rows)


async def stored_message(writer: FeedWriter, talk: int, user_id: int) -> int:
    draft = Draft(talk, user_id, "hello", str(uuid.uuid4()), True)
    return int((await writer.send(draft)).message.id)


@rule("api#reactions-at-once")
@pytest.mark.gen_test
async def test_of_several_requests_at_once_the_last_one_counts_and_there_is_one_event(
    counting: Counting,
) -> None:
    john, jane, mary = await crowd(counting, 3)
    talk = await groups.group_of(counting, [john, jane, mary])
    writer = FeedWriter(counting, lambda appended: None)
    sent, other = [await stored_message(writer, talk, john) for _ in range(2)]
    results = await reactions.store(
        counting,
        [
            Reacting(talk, *asked)
            for asked in (
                (john, sent, CAT, True),
                (john, sent, THUMB, True),
                (jane, sent, HEART, True),
                (john, other, THUMB, True),
                (john, sent, THUMB, False),
                (jane, sent, THUMB, False),
                (jane, sent, THUMB, True),
                (john, other, THUMB, False),
            )
        ],
    )
    assert [one.result for one in results] == [None] * 8
    (told,) = [appended for one in results for appended in one.appended]
    assert (told.kind, told.user_ids, told.seqs) == (REACTIONS, [john, jane, mary], [3, 3, 3])
    ((newest,),) = await feed.pages(counting, [After(mary, 2)], 1)
    assert newest.data == told.fact.seen_by(mary)
    for user_id, own in ((john, {CAT}), (jane, {HEART, THUMB}), (mary, set())):
        seen: Any = told.fact.seen_by(user_id)
        assert [(r.emoji, r.count) for r in seen.reactions] == [(CAT, 1), (HEART, 1), (THUMB, 1)]
        assert {r.emoji for r in seen.reactions if r.mine} == own


class Listener:
    """A subscriber that keeps its events."""

    session_id = 0
    expires_at = 0.0
    closed = False

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.told: list[tuple[int, event.Frame]] = []

    def deliver(self, seq: int, frame: event.Frame) -> None:
        self.told.append((seq, frame))

    def deliver_all(self, events: Sequence[tuple[int, event.Frame]], joined: event.Frame) -> None:
        self.told += events

    def catch_up(self, seq: int) -> None: ...

    def ping(self) -> None: ...

    def end(self, reason: str) -> None: ...

    def abort(self, reason: str = "broken") -> None: ...


@rule("api#reactions-at-once")
@pytest.mark.gen_test
async def test_a_thousand_people_who_react_at_once_are_a_few_statements_and_events(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = Bus()
    writer = FeedWriter(counting, publisher(bus))
    people = await crowd(counting, 1000)
    talk = await groups.group_of(counting, people)
    sent = await stored_message(writer, talk, people[0])
    listeners = [Listener(user_id) for user_id in people]
    for listener in listeners:
        bus.subscribe(listener)
    encode, encoded = event.body, list[bytes]()

    def body(data: object, name: str) -> bytes:
        encoded.append(encode(data, name))
        return encoded[-1]

    monkeypatch.setattr(event, "body", body)
    before = counting.asked
    await asyncio.gather(
        *(
            writer.write(reactions.store, Reacting(talk, user_id, sent, MANY[n % 2], True))
            for n, user_id in enumerate(people)
        )
    )
    assert counting.asked - before <= 12
    assert len({len(listener.told) for listener in listeners}) == 1
    events = len(listeners[0].told)
    assert events <= 20
    assert len(encoded) <= 3 * events  # for each emoji, and for those who have not reacted yet
    assert b'"count":500,"mine":true' in listeners[0].told[-1][1].body


Asked = tuple[int, int, int, bool]
asked_of = st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 4), st.booleans())


def in_order(state: set[Any], batch: Sequence[Asked]) -> set[int]:
    """Applies a batch, and returns the numbers of the requests that are too many."""
    last = {asked[:3]: (n, asked[3]) for n, asked in enumerate(batch)}
    for key, (_, is_there) in last.items():
        if not is_there:
            state.discard(key)
    wanted = [(n, key) for key, (n, is_there) in last.items() if is_there and key not in state]
    first = {(message, text): n for n, (_, message, text) in reversed(wanted)}
    kinds = {(message, text) for _, message, text in state}
    refused = set()
    for _, key in sorted(
        wanted, key=lambda item: (item[1][1:] not in kinds, first[item[1][1:]], item[0])
    ):
        user, message, text = key
        there = {t for _, m, t in state if m == message}
        own = sum(1 for u, m, _ in state if (u, m) == (user, message))
        if own >= 2 or (text not in there and len(there) >= 3):
            refused.add(key)
        else:
            state.add(key)
    return {n for n, (*key, is_there) in enumerate(batch) if is_there and tuple(key) in refused}


def test_a_batch_is_as_its_requests_one_after_the_other(
    io_loop: IOLoop, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactions, "MOST_KINDS", 3)
    monkeypatch.setattr(reactions, "MOST_KINDS_OF_ONE", 2)
    db = Database(dsn)
    writer = FeedWriter(db, lambda appended: None)

    async def check(batches: list[list[Asked]]) -> None:
        messages = [await stored_message(writer, talk, people[0]) for _ in range(2)]
        state: set[Any] = set()
        for batch in batches:
            before = set(state)
            refused = in_order(state, batch)
            results = await reactions.store(
                db,
                [
                    Reacting(talk, people[user], messages[message], MANY[text], is_there)
                    for user, message, text, is_there in batch
                ],
            )
            found = {n for n, one in enumerate(results) if isinstance(one.result, TooMany)}
            assert found == refused
            changed = {message for _, message, _ in before ^ state}
            told = [appended for one in results for appended in one.appended]
            assert len(told) == len(changed)
            for appended in told:
                for n, user_id in enumerate(people):
                    seen: Any = appended.fact.seen_by(user_id)
                    message = messages.index(int(seen.message_id))
                    there = [t for _, m, t in state if m == message]
                    assert {r.emoji: r.count for r in seen.reactions} == {
                        MANY[t]: there.count(t) for t in there
                    }
                    own = {MANY[t] for u, m, t in state if (u, m) == (n, message)}
                    assert {r.emoji for r in seen.reactions if r.mine} == own
            (page,) = await feed.pages(db, [After(people[1], 0, 10_000)], 10_000)
            if told:
                assert page[-1].data == told[-1].fact.seen_by(people[1])

    people = io_loop.run_sync(lambda: crowd(db, 3))
    talk = io_loop.run_sync(lambda: groups.group_of(db, people))

    @settings(
        max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(st.lists(asked_of, min_size=1, max_size=8), min_size=1, max_size=4))
    def batches_are_right(batches: list[list[Asked]]) -> None:
        io_loop.run_sync(lambda: check(batches))

    batches_are_right()
    io_loop.run_sync(db.close)
