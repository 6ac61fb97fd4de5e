"""Rate limits: what is let through, what is told beyond, and who is not concerned."""

import asyncio
import dataclasses
import uuid
from collections.abc import Hashable
from fractions import Fraction
from typing import cast
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Config
from handlers.application import Messenger
from handlers.base import Handler
from handlers.limits import (
    MINUTE,
    MOST_IN_BUCKETS,
    MOST_IN_WINDOWS,
    REST_SECONDS,
    RESTS,
    Bucket,
    Limits,
    Lines,
    Turn,
    Window,
    network,
)
from http1.connection import Connection
from tests.support.people import Answer, Visitor, eventually, two


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def config(config: Config) -> Config:
    """With a budget of requests that no test comes to the end of, save those that are about it."""
    return dataclasses.replace(config, rate_limits=True, requests_at_once=10_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(app: Messenger, config: Config, clock: Clock) -> Messenger:
    app.limits = Limits(config, clock)
    return app


def is_too_many(answer: Answer, seconds: int) -> bool:
    assert answer.status == 429, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["code"] == "rate_limited"
    return bool(answer.headers["Retry-After"] == str(seconds))


# The two shapes.


def test_a_bucket_gives_all_at_once_and_then_so_many_a_second(clock: Clock) -> None:
    bucket = Bucket(60, 10, clock)
    assert [bucket.take("jane") for _ in range(60)] == [0.0] * 60
    assert bucket.take("jane") == pytest.approx(0.1)
    assert bucket.take("john") == 0
    clock.time += 1
    assert [bucket.take("jane") for _ in range(10)] == [0.0] * 10
    assert bucket.take("jane") > 0
    clock.time += 60
    assert [bucket.take("jane") for _ in range(60)] == [0.0] * 60
    assert bucket.take("jane") > 0


TIMES = st.lists(st.integers(0, 40).map(lambda n: n / 8), min_size=1, max_size=200)


@given(st.integers(1, 9), st.sampled_from([1, 2, 4, 8]), TIMES)
def test_a_bucket_lets_through_what_a_bucket_of_tokens_would(
    at_once: int, per_second: int, pauses: list[float]
) -> None:
    clock, tokens = Clock(), Fraction(at_once)
    bucket = Bucket(at_once, per_second, clock)
    for pause in pauses:
        clock.time += pause
        tokens = min(Fraction(at_once), tokens + Fraction(pause) * per_second)
        wait = bucket.take("jane")
        assert (wait == 0) == (tokens >= 1)
        if tokens >= 1:
            tokens -= 1
        else:
            assert wait == pytest.approx(float((1 - tokens) / per_second))


@given(st.integers(1, 9), st.lists(st.integers(0, 30), min_size=1, max_size=200))
def test_a_window_is_never_exceeded_in_any_minute_and_tells_when_there_is_room(
    per_minute: int, pauses: list[int]
) -> None:
    clock, taken = Clock(), list[float]()
    window = Window(per_minute, clock)
    for pause in pauses:
        clock.time += pause
        recent = [time for time in taken if time > clock.time - MINUTE]
        wait = window.take("jane")
        assert (wait == 0) == (len(recent) < per_minute)
        if wait:
            assert clock.time + wait == recent[-per_minute] + MINUTE
        else:
            taken.append(clock.time)


def test_limits_remember_no_more_than_so_many() -> None:
    bucket, window = Bucket(60, 10), Window(60)
    for key in range(MOST_IN_BUCKETS + 1000):
        bucket.take(key)
    for key in range(MOST_IN_WINDOWS + 1000):
        window.take(key)
    assert len(bucket._full_at) == MOST_IN_BUCKETS
    assert len(window._times) == MOST_IN_WINDOWS


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("", ""),
        (None, ""),
    ],
)
def test_of_an_ipv6_address_the_subscribers_part_counts(
    address: str | None, counts_as: str
) -> None:
    assert network(address) == counts_as


# Lines.


def one_more(lines: Lines, connection: object = None) -> Turn:
    """Beyond Jane's budget."""
    turn = lines.turn("jane", 1, connection or object())
    assert turn is not None
    return turn


async def next_of(turns: list[Turn]) -> list[int]:
    """Those whose turn has come when the first of them has, besides those whose turn it was."""
    waiting = {n: turn for n, turn in enumerate(turns) if not turn.has_come}
    async with asyncio.timeout(5):
        while not any(turn.has_come for turn in waiting.values()):
            await asyncio.sleep(0.001)
    return [n for n, turn in waiting.items() if turn.has_come]


@pytest.mark.gen_test
async def test_beyond_the_budget_one_at_a_time_has_its_turn_and_then_there_is_a_rest(
    clock: Clock,
) -> None:
    lines, loop = Lines(Bucket(3, 1, clock)), asyncio.get_running_loop()
    assert [lines.turn("jane", 1, object()) for _ in range(3)] == [None] * 3
    turns = [one_more(lines) for _ in range(3)]
    first, second, third = turns
    assert [turn.has_come for turn in turns] == [True, False, False]
    for left, expected in ((first, 1), (second, 2)):
        left.end()
        began = loop.time()
        assert await next_of(turns) == [expected]
        assert loop.time() - began > 0.9 * REST_SECONDS
    assert lines.turn("john", 1, object()) is None
    clock.time += 1
    assert lines.turn("jane", 1, object()) is None
    third.end()
    await nobody_waits(lines)


async def nobody_waits(lines: Lines) -> None:
    async with asyncio.timeout(5):
        while lines._lines:
            await asyncio.sleep(0.001)


@pytest.mark.gen_test
async def test_who_asks_one_thing_after_the_other_over_one_connection_has_half_of_the_time(
    clock: Clock,
) -> None:
    lines, connection, loop = Lines(Bucket(1, 1, clock)), object(), asyncio.get_running_loop()
    assert lines.turn("jane", 1, connection) is None
    turn, rests = one_more(lines, connection), []
    for _ in range(5):
        await asyncio.sleep(0.03)
        turn.end()
        since, turn = turn.ended, one_more(lines, connection)
        assert not turn.has_come
        assert await turn.comes()
        rests.append(loop.time() - since)
    assert 0.02 < min(rests) < RESTS * 0.03 - 0.02
    turn.end()
    await asyncio.sleep(turn.seconds + 0.001)
    third, other = one_more(lines, connection), one_more(lines)
    assert third.has_come
    third.end()
    fourth = one_more(lines, connection)
    for turn in (other, fourth):
        assert not turn.has_come
        assert await turn.comes()
        turn.end()
    await nobody_waits(lines)


@pytest.mark.gen_test
async def test_who_has_left_has_no_turn(clock: Clock) -> None:
    lines = Lines(Bucket(1, 1, clock))
    assert lines.turn("jane", 1, object()) is None
    turns = [one_more(lines) for _ in range(4)]
    first, second, third, fourth = turns
    for _ in range(2):
        second.give_up()
        third.give_up()
    assert [await second.comes(), await third.comes()] == [False, False]
    first.end()
    assert await next_of(turns[3:]) == [0]
    assert await fourth.comes()
    fourth.end()
    await nobody_waits(lines)


@pytest.mark.gen_test
async def test_what_waits_for_something_else_does_not_hold_up_the_line(clock: Clock) -> None:
    lines = Lines(Bucket(1, 1, clock))
    assert lines.turn("jane", 1, object()) is None
    turns = [one_more(lines) for _ in range(2)]
    assert await next_of(turns) == [1]
    for turn in turns:
        turn.end()
    await nobody_waits(lines)


@pytest.mark.gen_test
async def test_who_hangs_up_in_their_turn_has_it_until_the_work_is_done(clock: Clock) -> None:
    """Else a crowd that does not wait for answers would have much in work at once."""
    lines = Lines(Bucket(1, 1, clock))
    assert lines.turn("jane", 1, object()) is None
    first, second = one_more(lines), one_more(lines)
    first.give_up()
    assert first.has_come
    await asyncio.sleep(2 * REST_SECONDS)
    assert not second.has_come
    first.end()
    assert await second.comes()
    second.end()
    await nobody_waits(lines)


# What a client sees.


@pytest.mark.gen_test
async def test_a_user_sends_sixty_at_once_and_then_ten_a_second(
    visitor: Visitor, clock: Clock
) -> None:
    john, jane, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/messages"
    for n in range(60):
        await john.send(conversation, f"message {n}")
    assert is_too_many(await john.post(path, {"content": "one more"}), 1)
    await jane.send(conversation, "somebody else")
    clock.time += 1
    for n in range(10):
        await john.send(conversation, f"later {n}")
    assert is_too_many(await john.post(path, {"content": "one more"}), 1)
    contents = {message["content"] for message in await jane.history(conversation)}
    assert len(contents) == 71
    assert "one more" not in contents


@pytest.mark.gen_test
async def test_of_a_thousand_sends_at_once_sixty_are_stored(visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/messages"
    answers = await asyncio.gather(*(john.post(path, {"content": "!"}) for _ in range(1000)))
    assert sorted(answer.status for answer in answers) == [201] * 60 + [429] * 940


@pytest.mark.gen_test
async def test_beyond_the_limit_all_else_that_is_to_be_told_comes_first(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    mallory = await visitor.sign_in("mallory")
    elsewhere = await jane.talk_to(mallory)
    path = f"/api/conversations/{conversation}/messages"
    client_id = str(uuid.uuid4())
    first = await john.send(conversation, "hello", client_id)
    for n in range(59):
        await john.send(conversation, f"message {n}")
    for _ in range(3):
        assert is_too_many(await john.post(path, {"content": "new"}), 1)
        assert is_too_many(await john.post(path, {"content": "x", "clientId": jane_s(first)}), 1)
        repeat = await john.post(path, {"content": " hello\r\n", "clientId": client_id.upper()})
        assert (repeat.status, repeat.json) == (200, first)
        other = await john.post(path, {"content": "other", "clientId": client_id})
        assert (other.status, other.json["code"]) == (409, "client_id_reused")
        assert (await john.post(path, {"content": ""})).status == 422
        unknown = await john.post("/api/conversations/999/messages", {"content": "new"})
        foreign = await john.post(f"/api/conversations/{elsewhere}/messages", {"content": "new"})
        assert unknown.status == 404
        assert unknown.seen == foreign.seen


def jane_s(message: dict[str, str]) -> str:
    """A client id that John has not used."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, message["id"]))


@pytest.mark.gen_test
async def test_what_is_refused_for_another_reason_takes_nothing(visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/messages"
    for _ in range(70):
        assert (await john.post(path, {"content": " "})).status == 422
        assert (await john.get("/api/usernames?search=")).status == 422
        assert (await john.post("/api/conversations", {"username": "-"})).status == 422
    for n in range(60):
        await john.send(conversation, f"message {n}")
    assert (await john.get("/api/usernames?search=j")).status == 200


@pytest.mark.gen_test
async def test_a_user_begins_twenty_conversations_a_minute(visitor: Visitor, clock: Clock) -> None:
    john = await visitor.sign_in("john")
    others = [f"user{n}" for n in range(22)]
    for name in others:
        await visitor.sign_in(name)
    for name in others[:20]:
        assert (await john.post("/api/conversations", {"username": name})).status == 201
        clock.time += 1
    assert is_too_many(await john.post("/api/conversations", {"username": others[20]}), 40)
    known = await john.post("/api/conversations", {"username": others[3].upper()})
    assert (known.status, known.json["otherParticipant"]["username"]) == (200, others[3])
    for name, status in (("nobody", 404), ("John", 403), ("-", 422)):
        assert (await john.post("/api/conversations", {"username": name})).status == status
    clock.time += 39
    assert is_too_many(await john.post("/api/conversations", {"username": others[20]}), 1)
    clock.time += 1
    assert (await john.post("/api/conversations", {"username": others[20]})).status == 201
    assert is_too_many(await john.post("/api/conversations", {"username": others[21]}), 1)


@pytest.mark.gen_test
async def test_a_user_searches_twenty_times_at_once_and_then_five_times_a_second(
    visitor: Visitor, clock: Clock
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    for _ in range(20):
        assert (await john.get("/api/usernames?search=j")).json == ["jane"]
    assert is_too_many(await john.get("/api/usernames?search=j"), 1)
    assert (await john.ask("HEAD", "/api/usernames?search=j")).status == 429
    assert (await john.get("/api/usernames?search=")).status == 422
    assert (await jane.get("/api/usernames?search=j")).json == ["john"]
    clock.time += 1
    for _ in range(5):
        assert (await john.get("/api/usernames?search=j")).status == 200
    assert is_too_many(await john.get("/api/usernames?search=j"), 1)


async def sign_in_from(source: str, base_url: str) -> int:
    """The status of a sign-in whose connection comes from that address."""
    url = urlsplit(base_url)
    reader, writer = await asyncio.open_connection("127.0.0.1", url.port, local_addr=(source, 0))
    body = b'{"username":"jane"}'
    writer.write(
        f"POST /api/login HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    status = (await reader.readline()).split()[1]
    writer.close()
    return int(status)


@pytest.mark.gen_test
async def test_an_address_signs_in_sixty_times_a_minute(
    visitor: Visitor, base_url: str, clock: Clock
) -> None:
    for n in range(60):
        await visitor.sign_in(f"user{n}")
    assert is_too_many(await visitor.post("/api/login", {"username": "jane"}), 60)
    assert (await visitor.post("/api/login", {"username": "-"})).status == 422
    assert await sign_in_from("127.0.0.1", base_url) == 429
    assert await sign_in_from("127.0.0.2", base_url) == 200
    clock.time += MINUTE
    await visitor.sign_in("jane")


class TestLines:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, requests_at_once=1, max_streams_per_user=3)

    @pytest.mark.gen_test
    async def test_who_asks_for_much_at_once_is_told_all_of_it_and_others_do_not_wait(
        self, visitor: Visitor, app: Messenger
    ) -> None:
        john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
        asked = [
            asyncio.ensure_future(john.get(path))
            for path in ("/api/auth_user", "/api/nothing", "/", "/api/sessions") * 10
        ]
        while not in_line(app):
            await asyncio.sleep(0.001)
        assert (await jane.get("/api/auth_user")).status == 200
        assert in_line(app) == {int(john.id)}
        statuses = [answer.status for answer in await asyncio.gather(*asked)]
        assert statuses == [200, 404, 200, 200] * 10
        await nobody_waits(lines_of(app))

    @pytest.mark.gen_test
    async def test_a_user_pays_with_whatever_says_who_asks_and_else_an_address(
        self, visitor: Visitor, app: Messenger, base_url: str
    ) -> None:
        john = await visitor.sign_in("john")
        stream = {"Accept": "text/event-stream"}
        for path, headers in (
            ("/", {"Authorization": f"Bearer {john.token}"}),
            ("/", {"Cookie": f"messenger-session={john.token}"}),
            ("/api/nothing", {"Cookie": f"messenger-session={john.token}"}),
            (f"/api/messages?token={john.token}", stream),
        ):
            assert await payers_of(visitor, app, path, headers) == {int(john.id)}
        for path, headers in (
            ("/", {}),
            ("/", {"Authorization": "Bearer x", "Cookie": f"messenger-session={john.token}"}),
            (f"/api/auth_user?token={john.token}", {}),
        ):
            assert await payers_of(visitor, app, path, headers) == {"127.0.0.1"}

    @pytest.mark.gen_test
    async def test_a_token_whose_session_has_ended_is_no_users(
        self, visitor: Visitor, app: Messenger
    ) -> None:
        """Else a thief could go on to hold up whom it was taken from."""
        john, stolen, ended = [await visitor.sign_in("john") for _ in range(3)]
        assert (await ended.post("/api/logout")).status == 204
        await app.sessions._db.rows(  # and one that this server has not ended itself
            "DELETE FROM sessions WHERE id = (SELECT id FROM sessions ORDER BY id LIMIT 1 OFFSET 1)"
        )
        assert (await stolen.get("/api/auth_user")).status == 401
        for token in (stolen.token, ended.token):
            headers = {"Authorization": f"Bearer {token}"}
            assert await payers_of(visitor, app, "/api/auth_user", headers) == {"127.0.0.1"}
        assert (await john.get("/api/auth_user")).status == 200

    @pytest.mark.gen_test
    async def test_who_leaves_while_waiting_is_forgotten(
        self, visitor: Visitor, app: Messenger, base_url: str
    ) -> None:
        john = await visitor.sign_in("john")
        url = urlsplit(base_url)
        request = (
            f"GET /api/auth_user HTTP/1.1\r\nHost: {url.netloc}\r\n"
            f"Authorization: Bearer {john.token}\r\n\r\n"
        ).encode()
        writers = []
        for _ in range(50):
            _, writer = await asyncio.open_connection("127.0.0.1", url.port)
            writer.write(request)
            writers.append(writer)
        while not in_line(app):
            await asyncio.sleep(0.001)
        for writer in writers:
            writer.transport.abort()
        await nobody_waits(lines_of(app))
        await app.requests_finished()
        assert (await john.get("/api/auth_user")).status == 200

    @pytest.mark.parametrize(("method", "turns"), [("GET", 0), ("POST", 1)])
    @pytest.mark.gen_test
    async def test_who_has_left_before_it_is_in_line_is_forgotten(
        self,
        visitor: Visitor,
        app: Messenger,
        base_url: str,
        monkeypatch: pytest.MonkeyPatch,
        method: str,
        turns: int,
    ) -> None:
        """A crowd that comes and goes at once would else wait, unasked, for minutes."""
        john = await visitor.sign_in("john")
        arrived: list[Handler] = []
        prepared: list[Handler] = []
        begun: list[Turn] = []
        writers: list[asyncio.StreamWriter] = []
        prepare, begin = Handler.prepare, Turn.begin

        async def prepare_when_it_has_left(self: Handler) -> None:
            arrived.append(self)
            await eventually(cast("Connection", self.request.connection).closed)
            prepared.append(self)
            if (more := prepare(self)) is not None:
                await more

        def note_and_begin(self: Turn) -> None:
            begun.append(self)
            begin(self)

        monkeypatch.setattr(Handler, "prepare", prepare_when_it_has_left)
        monkeypatch.setattr(Turn, "begin", note_and_begin)
        url = urlsplit(base_url)
        for _ in range(50):
            _, writer = await asyncio.open_connection("127.0.0.1", url.port)
            writer.write(
                f"{method} /api/refresh_token HTTP/1.1\r\nHost: {url.netloc}\r\n"
                f"Authorization: Bearer {john.token}\r\nContent-Length: 0\r\n\r\n".encode()
            )
            writers.append(writer)
        await eventually(lambda: len(arrived) == 50)
        for writer in writers:
            writer.close()
        await eventually(lambda: len(prepared) == 50)
        await nobody_waits(lines_of(app))
        await app.requests_finished()
        assert len(begun) == turns  # what changes nothing is not even begun


def lines_of(app: Messenger) -> Lines:
    assert app.limits.lines is not None
    return app.limits.lines


def in_line(app: Messenger) -> set[Hashable]:
    return set(lines_of(app)._lines)


async def payers_of(
    visitor: Visitor, app: Messenger, path: str, headers: dict[str, str]
) -> set[Hashable]:
    """In whose lines many of these wait."""
    asked = [asyncio.ensure_future(visitor.ask("HEAD", path, headers=headers)) for _ in range(40)]
    while not (payers := in_line(app)):
        await asyncio.sleep(0.001)
    await asyncio.gather(*asked)
    await nobody_waits(lines_of(app))
    return payers


class TestOtherLimits:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(
            config,
            sends_at_once=1,
            sends_per_second=2,
            searches_at_once=2,
            searches_per_second=1,
            conversations_per_minute=1,
            sign_ins_per_minute=3,
        )

    @pytest.mark.gen_test
    async def test_each_limit_is_an_option(self, visitor: Visitor, clock: Clock) -> None:
        john, _, conversation = await two(visitor)
        await visitor.sign_in("mallory")
        assert (await visitor.post("/api/login", {"username": "x"})).status == 429
        assert (await john.post("/api/conversations", {"username": "mallory"})).status == 429
        for status in (200, 200, 429):
            assert (await john.get("/api/usernames?search=j")).status == status
        path = f"/api/conversations/{conversation}/messages"
        for pause, status in ((0, 201), (0, 429), (0.25, 429), (0.25, 201), (0, 429)):
            clock.time += pause
            assert (await john.post(path, {"content": "!"})).status == status


class TestWithoutLimits:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, rate_limits=False)

    @pytest.mark.gen_test
    async def test_nothing_is_limited(self, visitor: Visitor) -> None:
        john, _, conversation = await two(visitor)
        for n in range(70):
            await john.send(conversation, f"message {n}")
            assert (await john.get("/api/usernames?search=j")).status == 200
            await visitor.sign_in("jane")
