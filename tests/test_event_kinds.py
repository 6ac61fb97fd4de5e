"""A new event kind is a struct and a write function, and an event is encoded once per view."""

import re
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from tornado.ioloop import IOLoop

from bus import event
from bus.bus import Bus
from bus.event import Frame
from config import STATIC_DIR
from db import events, users
from db.conversations import Opening
from db.feed_writer import FeedWriter
from db.messages import Draft
from db.snapshot import NotFound
from handlers.application import Messenger
from handlers.delivery import publisher
from handlers.describing import asyncapi
from tests.support.feeds import Counting
from tests.support.people import Visitor, two
from tests.support.postgres import ask
from tests.support.waved import WAVED, Wave, wave


@pytest.fixture
def waved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(events.KINDS, WAVED.name, WAVED)


@pytest.mark.usefixtures("waved")
@pytest.mark.gen_test
async def test_a_new_kind_arrives_live_and_replayed_and_is_described(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, talk = await two(visitor)
    mallory = await visitor.sign_in("mallory")
    schemas = asyncapi.description()["components"]
    assert schemas["messages"]["waved"]["summary"] == "Somebody waved"
    validator = Draft202012Validator(schemas["schemas"]["Waved"] | {"components": schemas})
    write = app.services.writer.write
    data: dict[str, Any] = {"conversationId": talk, "userId": john.id}
    async with john.stream() as his, jane.stream() as hers, mallory.stream() as strangers:
        with pytest.raises(NotFound):
            await write(wave, Wave(int(talk), int(mallory.id), 1), unbatched=True)
        await write(wave, Wave(int(talk), int(john.id), 3), unbatched=True)
        for stream, person, expected in ((his, john, data | {"times": 3}), (hers, jane, data)):
            live = await stream.event()
            assert (live.name, live.data) == ("waved", expected)
            validator.validate(live.data)
            async with person.stream(stream.hello.id) as again:
                assert await again.event() == live
        assert await strangers.silent()


def test_each_kind_shares_its_content_and_is_described_in_full() -> None:
    for name, kind in events.KINDS.items():
        assert name == kind.name
        assert hash(kind.example) == hash(msgspec.structs.replace(kind.example))
        assert kind.summary
        assert kind.sent_to.endswith(".")


def test_the_page_listens_to_each_kind() -> None:
    (listened,) = re.findall(
        r"(?m)^const EVENTS = \{(.+)\};$", (STATIC_DIR / "store.js").read_text()
    )
    assert set(re.findall(r"(\w+): null", listened)) == set(events.KINDS)


# A thousand people.

PEOPLE = 1000
CROWD = """
    INSERT INTO users (username) SELECT 'one-of-' || n FROM generate_series(3, %(people)s) n;
    INSERT INTO feeds (user_id) SELECT id FROM users ON CONFLICT DO NOTHING;
    INSERT INTO participants (user_id, conversation_id)
    SELECT id, %(talk)s FROM users ON CONFLICT DO NOTHING
"""


class Listener:
    """A subscriber that keeps its events."""

    session_id = 0
    expires_at = 0.0
    closed = False

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.told: list[tuple[int, Frame]] = []

    def deliver(self, seq: int, frame: Frame) -> None:
        self.told.append((seq, frame))

    def deliver_all(self, events: Sequence[tuple[int, Frame]], joined: Frame) -> None:
        self.told += events

    def catch_up(self, seq: int) -> None: ...

    def ping(self) -> None: ...

    def end(self, reason: str) -> None: ...

    def abort(self, reason: str = "broken") -> None: ...


@pytest.fixture
def counting(io_loop: IOLoop, dsn: str) -> Iterator[Counting]:
    database = Counting(dsn)
    yield database
    io_loop.run_sync(database.close)


@pytest.mark.gen_test
async def test_a_message_to_a_thousand_people_is_one_row_and_is_encoded_twice(
    counting: Counting, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = Bus()
    writer = FeedWriter(counting, publisher(bus))
    jane, john = [int((await users.sign_in(counting, name)).id) for name in ("jane", "john")]
    talk = (await writer.open(Opening(john, "jane"))).conversation_id
    ask(dsn, CROWD, {"people": PEOPLE, "talk": talk})
    listeners = [Listener(user_id) for (user_id,) in ask(dsn, "SELECT id FROM users ORDER BY id")]
    assert len(listeners) == PEOPLE
    for listener in listeners:
        bus.subscribe(listener)
    encode, encoded = event.body, list[bytes]()

    def body(data: object, name: str) -> bytes:
        encoded.append(encode(data, name))
        return encoded[-1]

    monkeypatch.setattr(event, "body", body)
    await writer.send(Draft(talk, john, "x" * 4000, str(uuid.uuid4()), True))
    ((*_, user_ids, seqs),) = counting.answered
    assert user_ids == [listener.user_id for listener in listeners]
    assert len(encoded) == 2  # the sender's, who is neither first nor last, and the others'
    assert sum(b'"mine":true' in body for body in encoded) == 1
    for listener, seq in zip(listeners, seqs, strict=True):
        ((told, frame),) = listener.told
        assert told == seq == (2 if listener.user_id in (john, jane) else 1)
        assert frame.body is encoded[listener.user_id == john]
