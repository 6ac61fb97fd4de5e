"""Rate limits: what passes, what the answer says beyond a limit, and which requests are exempt."""

import asyncio
import contextlib
import dataclasses
import json
import uuid
from collections.abc import Hashable
from fractions import Fraction
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Config
from handlers.application import Messenger
from handlers.requests.limits import (
    MINUTE,
    MOST_IN_BUCKETS,
    MOST_IN_WINDOWS,
    Limits,
    SlidingWindow,
    TokenBucket,
    network,
)
from http1.listener import Listener
from tests.support.addresses import sign_in_from
from tests.support.people import Answer, Visitor, eventually, two
from tests.support.raw import raw
from tests.support.rules import rule
from tests.support.sockets import NOTHING, client, shrink


class Clock:
    """A time that only a test advances."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def config(config: Config) -> Config:
    """The request budget is so large that only the tests of the budget exceed it."""
    return dataclasses.replace(config, rate_limits=True, requests_at_once=10_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(app: Messenger, config: Config, clock: Clock) -> Messenger:
    app.services.limits = Limits(config, clock)
    return app


def is_too_many(answer: Answer, seconds: int) -> bool:
    assert answer.status == 429, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["code"] == "rate_limited"
    return bool(answer.headers["Retry-After"] == str(seconds))


# The two kinds of limit.


def test_a_bucket_grants_a_burst_and_then_a_number_a_second(clock: Clock) -> None:
    bucket = TokenBucket(60, 10, clock)
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
def test_a_bucket_grants_what_a_counting_token_bucket_would(
    at_once: int, per_second: int, pauses: list[float]
) -> None:
    clock, tokens = Clock(), Fraction(at_once)
    bucket = TokenBucket(at_once, per_second, clock)
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
def test_a_window_holds_in_any_minute_and_returns_the_time_until_room(
    per_minute: int, pauses: list[int]
) -> None:
    clock, taken = Clock(), list[float]()
    window = SlidingWindow(per_minute, clock)
    for pause in pauses:
        clock.time += pause
        recent = [time for time in taken if time > clock.time - MINUTE]
        wait = window.take("jane")
        assert (wait == 0) == (len(recent) < per_minute)
        if wait:
            assert clock.time + wait == recent[-per_minute] + MINUTE
        else:
            taken.append(clock.time)


def test_limits_remember_a_bounded_number_of_clients() -> None:
    bucket, window = TokenBucket(60, 10), SlidingWindow(60)
    for key in range(MOST_IN_BUCKETS + 1000):
        bucket.take(key)
    for key in range(MOST_IN_WINDOWS + 1000):
        window.take(key)
    assert len(bucket._full_at) == MOST_IN_BUCKETS
    assert len(window._times) == MOST_IN_WINDOWS


@rule("api#rate-limits")
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
def test_the_subscribers_part_of_an_ipv6_address_counts(
    address: str | None, counts_as: str
) -> None:
    assert network(address) == counts_as


# What a client sees.


@rule("api#rate-limits")
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
async def test_sixty_of_a_thousand_sends_at_once_are_stored(visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/messages"
    answers = await asyncio.gather(*(john.post(path, {"content": "!"}) for _ in range(1000)))
    assert sorted(answer.status for answer in answers) == [201] * 60 + [429] * 940


@rule("api#order-of-refusals", "api#stored-before")
@pytest.mark.gen_test
async def test_every_other_refusal_and_a_repeat_come_before_a_429(visitor: Visitor) -> None:
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
    """Returns a client id that John has not used."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, message["id"]))


@pytest.mark.gen_test
async def test_a_request_refused_for_another_reason_does_not_count(visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/messages"
    for _ in range(70):
        assert (await john.post(path, {"content": " "})).status == 422
        assert (await john.get("/api/usernames?search=")).status == 422
        assert (await john.post("/api/conversations", {"username": "-"})).status == 422
    for n in range(60):
        await john.send(conversation, f"message {n}")
    assert (await john.get("/api/usernames?search=j")).status == 200


@rule("api#rate-limits")
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


@rule("api#rate-limits")
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


@rule("api#rate-limits")
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


class TestQueue:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, requests_at_once=1, requests_per_second=50)

    @pytest.mark.gen_test
    async def test_a_burst_of_requests_is_answered_and_others_do_not_wait(
        self, visitor: Visitor, app: Messenger
    ) -> None:
        john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
        asked = [
            asyncio.ensure_future(john.get(path))
            for path in ("/api/auth_user", "/api/nothing", "/", "/api/sessions") * 10
        ]
        await eventually(lambda: app.services.fair_queue.queued)
        assert (await jane.get("/api/auth_user")).status == 200
        assert clients_that_wait(app) == {int(john.id)}
        statuses = [answer.status for answer in await asyncio.gather(*asked)]
        assert statuses == [200, 404, 200, 200] * 10
        assert not app.services.fair_queue.queued

    @pytest.mark.gen_test
    async def test_requests_count_for_their_user_or_else_for_their_address(
        self, visitor: Visitor, app: Messenger, base_url: str
    ) -> None:
        john = await visitor.sign_in("john")
        stream = {"Accept": "text/event-stream"}
        cookie = {"Cookie": f"messenger-session={john.token}"}
        for path, headers in (
            ("/", {"Authorization": f"Bearer {john.token}"}),
            ("/", cookie),
            ("/api/nothing", cookie),
            (f"/api/messages?token={john.token}", stream),
        ):
            assert await payers_of(visitor, app, path, headers) == {int(john.id)}
        for path, headers in (
            ("/", {}),
            ("/", {"Authorization": "Bearer x", **cookie}),
            (f"/api/auth_user?token={john.token}", {}),
        ):
            assert await payers_of(visitor, app, path, headers) == {"127.0.0.1"}

    @pytest.mark.gen_test
    async def test_a_token_of_an_ended_session_counts_for_its_address(
        self, visitor: Visitor, app: Messenger
    ) -> None:
        """Otherwise a thief could slow down the user from whom the token was stolen."""
        john, stolen, ended = [await visitor.sign_in("john") for _ in range(3)]
        assert (await ended.post("/api/logout")).status == 204
        await app.services.sessions._db.rows(  # and a session that this server has not ended itself
            "DELETE FROM sessions WHERE id = (SELECT id FROM sessions ORDER BY id LIMIT 1 OFFSET 1)"
        )
        assert (await stolen.get("/api/auth_user")).status == 401
        for token in (stolen.token, ended.token):
            headers = {"Authorization": f"Bearer {token}"}
            assert await payers_of(visitor, app, "/api/auth_user", headers) == {"127.0.0.1"}
        assert (await john.get("/api/auth_user")).status == 200

    @pytest.mark.parametrize("request_", ["/%ff", "/api/%ff", "/x?y", "//", "*"])
    @pytest.mark.gen_test
    async def test_a_request_that_will_be_refused_waits_for_its_slot_too(
        self, base_url: str, app: Messenger, request_: str
    ) -> None:
        method = "OPTIONS" if request_ == "*" else "GET"
        sent = f"{method} {request_} HTTP/1.1\r\nHost: HOST\r\n\r\n"
        asked = [asyncio.ensure_future(raw(base_url, sent)) for _ in range(10)]
        await eventually(lambda: app.services.fair_queue.queued)
        assert clients_that_wait(app) == {"127.0.0.1"}
        await asyncio.gather(*asked)

    @pytest.mark.gen_test
    async def test_forms_are_not_parsed(self, visitor: Visitor) -> None:
        john = await visitor.sign_in("john")
        for kind, body in (
            ("application/x-www-form-urlencoded", b"a=b&" * 999),
            ("multipart/form-data; boundary=x", b"broken"),
            ("multipart/form-data", b"--x--"),
        ):
            answer = await john.post(
                "/api/conversations", body=body, headers={"Content-Type": kind}
            )
            assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type"), kind
            answer = await visitor.post("/api/login", body=body, headers={"Content-Type": kind})
            assert answer.status == 415

    @pytest.mark.gen_test
    async def test_a_client_that_leaves_the_queue_is_forgotten(
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
        await eventually(lambda: app.services.fair_queue.queued)
        for writer in writers:
            writer.transport.abort()
        await eventually(lambda: not app.services.fair_queue.queued)
        await eventually(lambda: not app.services.in_flight)
        assert (await john.get("/api/auth_user")).status == 200


class TestFullQueue:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, requests_at_once=1, requests_per_second=1)

    @rule("api#queue", "api#queue-refusals")
    @pytest.mark.gen_test
    async def test_beyond_64_waiting_requests_all_get_429_and_health_never_waits(
        self, base_url: str, app: Messenger
    ) -> None:
        async with contextlib.AsyncExitStack() as stack:
            port = urlsplit(base_url).port
            assert port is not None
            waiting = [await stack.enter_async_context(client(port)) for _ in range(65)]
            for one in waiting:
                await one.say(NOTHING)
            await waiting[0].answer()
            await eventually(
                lambda: sum(q._refusable for q in app.services.fair_queue.queued) == 64
            )
            for refused in (
                NOTHING,
                b"BREW /api/conversations HTTP/1.1\r\nHost: evil.test\r\n\r\n",
                b"GET /api/%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
                b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
            ):
                one = await stack.enter_async_context(client(port))
                await one.say(refused)
                status, headers, body = await one.answer()
                assert (status, json.loads(body)["code"]) == (429, "rate_limited")
                assert int(headers["retry-after"]) > 0
            for path in (b"/health/live", b"/health/ready", b"/metrics"):
                one = await stack.enter_async_context(client(port))
                await one.say(NOTHING.replace(b"/api/nothing", path))
                assert (await one.answer())[0] == 200
            one = await stack.enter_async_context(client(port))
            await one.say(b"GET /" + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await eventually(
                lambda: any(len(q._waiting) > 64 for q in app.services.fair_queue.queued)
            )
            app.services.fair_queue.drain()
            assert {(await one.answer())[0] for one in waiting[1:]} == {503}


class TestUntaken:
    """Answers that clients do not take, whatever the limits."""

    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, rate_limits=False)

    @rule("api#unread-answers")
    @pytest.mark.gen_test
    async def test_a_user_who_takes_no_answers_gets_no_more(
        self, base_url: str, app: Messenger, http_server: Listener
    ) -> None:
        """The answers are the API's description, until 8 MiB of it wait."""
        port = urlsplit(base_url).port
        assert port is not None
        description = NOTHING.replace(b"/api/nothing", b"/api/openapi.json")
        app.services.openapi = b" " * 2**18
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(100):
                one = await stack.enter_async_context(client(port, buffer_bytes=2048))
                connection = list(http_server._open)[-1]
                shrink(connection.transport)
                one.reader._transport.pause_reading()  # type: ignore[attr-defined]
                await one.say(description)
            await eventually(lambda: app.services.fair_queue.queued)
            assert (
                app.services.backpressure.write_buffer_size("127.0.0.1")
                == app.services.backpressure.total
                <= 8 * 2**20
            )
            assert app.services.backpressure.total > 7 * 2**20
            assert {c.client for c in http_server._open} == {"127.0.0.1"}
        await eventually(lambda: not http_server._open)
        assert app.services.backpressure.total == 0
        await eventually(lambda: not app.services.in_flight)


def clients_that_wait(app: Messenger) -> set[Hashable]:
    return {queue._client for queue in app.services.fair_queue.queued}


async def payers_of(
    visitor: Visitor, app: Messenger, path: str, headers: dict[str, str]
) -> set[Hashable]:
    """Returns the clients in whose queues many of these requests wait."""
    asked = [asyncio.ensure_future(visitor.ask("HEAD", path, headers=headers)) for _ in range(5)]
    await eventually(lambda: app.services.fair_queue.queued)
    found = clients_that_wait(app)
    await asyncio.gather(*asked)
    return found


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

    @rule("api#limits-off")
    @pytest.mark.gen_test
    async def test_without_rate_limits_nothing_is_limited(self, visitor: Visitor) -> None:
        john, _, conversation = await two(visitor)
        for n in range(70):
            await john.send(conversation, f"message {n}")
            assert (await john.get("/api/usernames?search=j")).status == 200
            await visitor.sign_in("jane")
