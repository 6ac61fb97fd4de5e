"""What holds for every answer of the API."""

import pytest

from tests.support.people import Visitor, two
from tests.support.rules import rule

READS = [  # every GET that needs a user, except the stream
    "/api/auth_user",
    "/api/sign_in_methods",
    "/api/sessions",
    "/api/usernames?search=j",
    "/api/conversations",
    "/api/conversations/{id}",
    "/api/conversations/{id}/other_participant",
    "/api/conversations/{id}/messages",
]


@rule("api#get-changes-nothing")
@pytest.mark.gen_test
async def test_no_get_moves_a_marker_or_makes_an_event(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    await john.send(conversation, "hello")
    before = await jane.get(f"/api/conversations/{conversation}")
    assert before.json["unreadCount"] == 1
    for path in READS:
        assert (await jane.get(path.format(id=conversation))).status == 200, path
    async with jane.stream():
        pass
    after = await jane.get(f"/api/conversations/{conversation}")
    assert after.body == before.body
    assert after.headers["Last-Event-ID"] == before.headers["Last-Event-ID"]


@rule("api#no-store")
@pytest.mark.gen_test
async def test_no_answer_of_the_api_may_be_stored(visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    for path in [*READS, "/api/nothing", "/api/conversations/999", "/api/openapi.json"]:
        answer = await john.get(path.format(id=conversation))
        assert answer.headers["Cache-Control"] == "no-store", path
