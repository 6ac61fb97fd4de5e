"""Two people talk: each message reaches all participants' streams, and no one else's."""

import asyncio
import uuid

import pytest

from tests.support.people import Person, Visitor
from tests.support.postgres import COMMIT_SLOWLY, ask
from tests.support.rules import rule

pytestmark = pytest.mark.usefixtures("dsn")  # no shared database


async def three(visitor: Visitor) -> tuple[Person, Person, Person]:
    john, jane, mallory = [await visitor.sign_in(name) for name in ("john", "jane", "mallory")]
    return john, jane, mallory


@rule("api#all-devices")
@pytest.mark.gen_test
async def test_a_message_reaches_both_tabs_of_the_recipient_and_nobody_else(
    visitor: Visitor,
) -> None:
    john, jane, mallory = await three(visitor)
    conversation = await john.talk_to(jane)
    async with jane.stream() as one, jane.stream() as two, mallory.stream() as other:
        message = await john.send(conversation, "hello")
        for stream in (one, two):
            event = await stream.event()
            assert event.name == "message"
            assert event.data == message | {"mine": False}
        assert await other.silent()
        own = await mallory.talk_to(jane)  # mallory was listening all the time
        assert (await other.event()).data["id"] == own


@rule("api#all-devices")
@pytest.mark.gen_test
async def test_the_senders_other_devices_get_the_message_as_sent_by_them(visitor: Visitor) -> None:
    john, jane, _ = await three(visitor)
    phone = await visitor.sign_in("john")
    conversation = await john.talk_to(jane)
    client_id = str(uuid.uuid4())
    async with phone.stream() as on_phone, jane.stream() as hers:
        message = await john.send(conversation, "hello", client_id)
        assert (await on_phone.event()).data == message
        assert message["clientId"] == client_id
        assert (await hers.event()).data["clientId"] is None


@rule("api#position")
@pytest.mark.gen_test
async def test_events_of_one_user_are_numbered_without_a_gap_in_the_order_of_the_history(
    visitor: Visitor,
) -> None:
    john, jane, _ = await three(visitor)
    conversation = await john.talk_to(jane)
    async with jane.stream() as hers, john.stream() as his:
        start = hers.hello.seq
        await asyncio.gather(
            *(who.send(conversation, f"{n}") for n in range(40) for who in (john, jane))
        )
        for who, stream in ((jane, hers), (john, his)):
            events = await stream.events(80)
            assert [event.seq for event in events] == list(range(start + 1, start + 81))
            history = await who.history(conversation)
            assert [event.data for event in events] == history[::-1]


@rule("api#conversation-event")
@pytest.mark.gen_test
async def test_a_new_conversation_is_published_to_both_as_created(visitor: Visitor) -> None:
    john, jane, _ = await three(visitor)
    async with john.stream() as his, jane.stream() as hers:
        conversation = await john.talk_to(jane)
        for stream, other in ((his, jane), (hers, john)):
            event = await stream.event()
            assert event.name == "conversation"
            assert event.data == {
                "id": conversation,
                "otherParticipant": {"id": other.id, "username": other.username, "avatarURL": None},
                "lastMessage": None,
                "unreadCount": 0,
                "hasUnreadMessages": False,
                "lastReadMessageId": None,
                "otherLastReadMessageId": None,
            }


@rule("api#read-count")
@pytest.mark.gen_test
async def test_a_read_is_published_to_both_and_its_count_to_the_reader_alone(
    visitor: Visitor,
) -> None:
    john, jane, _ = await three(visitor)
    conversation = await john.talk_to(jane)
    first = await john.send(conversation, "one")
    await john.send(conversation, "two")
    async with john.stream() as his, jane.stream() as hers:
        await jane.read(conversation, first["id"])
        told = {
            "conversationId": conversation,
            "userId": jane.id,
            "lastReadMessageId": first["id"],
        }
        event = await his.event()
        assert (event.name, event.data) == ("read", told)
        assert (await hers.event()).data == told | {"unreadCount": 1}
        await jane.read(conversation, first["id"])  # moves nothing, and publishes nothing
        await john.send(conversation, "three")
        assert (await his.event()).name == "message"


@rule("api#after-commit")
@pytest.mark.gen_test
async def test_a_message_is_published_only_after_its_commit(visitor: Visitor, dsn: str) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    ask(dsn, COMMIT_SLOWLY)
    async with jane.stream() as stream:
        sent = asyncio.create_task(john.send(conversation, "hello"))
        event = await stream.event()
        assert ask(dsn, "SELECT id::text FROM messages") == [(event.data["id"],)]
        assert (await sent)["id"] == event.data["id"]
