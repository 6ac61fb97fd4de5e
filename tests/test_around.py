"""One message, and pages around it: as much of the conversation on either side."""

import json
import re
from itertools import chain
from typing import Any

import pytest

from handlers.requests.page_of_json import LARGEST_BYTES, encoded_around
from tests.support.people import Answer, Person, Visitor, two
from tests.support.rules import rule


def links(answer: Answer) -> dict[str, str]:
    """Returns the targets of the `Link` header by relation."""
    found = re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers.get("Link", ""))
    return {rel: target for target, rel in found}


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [message["id"] for message in answer.json]


async def around(person: Person, talk: str, message_id: Any, query: str = "") -> Answer:
    return await person.get(f"/api/conversations/{talk}/messages?around={message_id}{query}")


async def sent(person: Person, talk: str, count: int, content: str = "x") -> list[str]:
    """Sends messages, and returns their ids, newest first."""
    return [(await person.send(talk, content))["id"] for _ in range(count)][::-1]


@rule("api#snapshot-position")
@pytest.mark.gen_test
async def test_one_message_is_shown_with_the_position_that_it_reflects(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    message = await john.send(talk, "hello", "123e4567-e89b-12d3-a456-426614174000")
    path = f"/api/conversations/{talk}/messages/{message['id']}"
    his, hers = await john.get(path), await jane.get(path)
    assert his.json == message
    assert hers.json == message | {"mine": False, "clientId": None}
    assert hers.headers["Last-Event-ID"].endswith("-2")


@rule("api#not-yours")
@pytest.mark.gen_test
async def test_a_message_from_before_ones_coming_is_not_found(visitor: Visitor) -> None:
    john, jane, eve = [await visitor.sign_in(name) for name in ("john", "jane", "eve")]
    friends = await john.group("Friends", jane)
    early = (await john.send(friends, "early"))["id"]
    await john.add(friends, eve)
    notice = (await john.history(friends, limit=1))[0]["id"]
    late = (await john.send(friends, "late"))["id"]
    path = f"/api/conversations/{friends}/messages"
    missing = await eve.get(f"{path}/999999")
    assert missing.status == 404
    assert (await eve.get(f"{path}/{early}")).seen == missing.seen
    assert (await eve.get(f"{path}/{notice}")).json["notice"]["kind"] == "added"
    assert (await jane.get(f"{path}/{early}")).status == 200
    assert (await around(eve, friends, early)).status == 404
    assert ids(await around(eve, friends, notice)) == [late, notice]
    assert "next" not in links(await around(eve, friends, notice))


@rule("api#around")
@pytest.mark.gen_test
async def test_a_page_around_a_message_has_it_in_the_middle_and_links_to_both_sides(
    visitor: Visitor,
) -> None:
    john, jane, talk = await two(visitor)
    all_ids = await sent(john, talk, 21)
    for limit in range(1, 23):
        for place, message_id in enumerate(all_ids):
            page = await around(jane, talk, message_id, f"&limit={limit}")
            shown = ids(page)
            newer = shown.index(message_id)
            older = len(shown) - newer - 1
            assert shown == all_ids[place - newer : place + older + 1]
            if "prev" in links(page) and "next" in links(page):
                assert (len(shown), abs(newer - older) <= 1) == (limit, True)
            assert ("prev" in links(page)) == (shown[0] != all_ids[0])
            assert ("next" in links(page)) == (shown[-1] != all_ids[-1])
            assert len(shown) <= limit
    assert page.headers["Last-Event-ID"].endswith("-22")


@rule("api#around", "api#cursors")
@pytest.mark.gen_test
async def test_the_links_lead_to_both_ends_of_the_conversation_while_others_write(
    visitor: Visitor,
) -> None:
    john, jane, talk = await two(visitor)
    all_ids = await sent(john, talk, 20)
    middle = await around(jane, talk, all_ids[10], "&limit=3")
    older, newer, page = [], [], middle
    while target := links(page).get("next"):
        page = await jane.get(target)
        older.append(ids(page))
        assert "prev" in links(page)
    page = middle
    while target := links(page).get("prev"):
        page = await jane.get(target)
        newer.append(ids(page))
        assert "next" in links(page)
        if len(newer) == 1:
            all_ids = [*await sent(john, talk, 1), *all_ids]
    assert [len(page) for page in older] == [3, 3, 2]
    assert [len(page) for page in newer] == [3, 3, 3, 1]
    assert [*chain(*newer[::-1]), *ids(middle), *chain(*older)] == all_ids


@rule("api#around-bytes")
@pytest.mark.gen_test
async def test_a_page_around_a_message_that_is_too_large_is_cut_on_both_sides(
    visitor: Visitor,
) -> None:
    john, jane, talk = await two(visitor)
    all_ids = await sent(john, talk, 40, "\x01" * 3999 + "x")  # 24 KB each, as JSON
    page = await around(jane, talk, all_ids[20], "&limit=40")
    newer = ids(page).index(all_ids[20])
    assert abs(len(page.json) - 1 - 2 * newer) <= 1
    assert 200_000 < len(page.body) <= 256 * 1024
    before = await jane.get(links(page)["prev"])
    after = await jane.get(links(page)["next"])
    shown = [*ids(before), *ids(page), *ids(after)]
    start = all_ids.index(shown[0])
    assert shown == all_ids[start : start + len(shown)]
    assert "prev" in links(before)


@rule("api#around-bytes")
def test_a_cut_ends_at_the_first_item_that_does_not_fit() -> None:
    large = "x" * LARGEST_BYTES
    for items, middle, kept in (
        (["a", large, "m", "b", "c"], 2, ({2}, {2, 3})),
        (["a", "b", "m", large, "c"], 2, ({2}, {1, 2})),
        (["a", "b", "m"], 2, ({0, 1, 2},)),
        ([large, "b", "m"], 2, ({1, 2},)),
        (["m", "b", large], 0, ({0, 1},)),
        (["a", large, "b"], 1, ({1},)),
        ([], -1, (set(),)),
    ):
        encoded, shown = encoded_around(items, middle)
        assert json.loads(encoded) == items[shown]
        assert set(range(shown.start, shown.stop)) in kept


@rule("api#around", "api#order-of-refusals")
@pytest.mark.gen_test
async def test_a_page_around_a_message_that_one_does_not_see_is_not_found(
    visitor: Visitor,
) -> None:
    john, jane, talk = await two(visitor)
    other = await john.talk_to(await visitor.sign_in("eve"))
    foreign = (await john.send(other, "x"))["id"]
    own = (await john.send(talk, "x"))["id"]
    wrong = (foreign, "999999", "0", "01", "-1", "x", "", str(2**63 - 1), str(2**63), "9" * 99)
    for message_id in wrong:
        for query in ("", "&limit=0", "&after=1", "&cursor=x"):
            assert (await around(jane, talk, message_id, query)).status == 404, message_id
    for query in ("&limit=0", "&after=1", "&after=x", "&cursor=x"):
        assert (await around(jane, talk, own, query)).status == 422, query


@pytest.mark.gen_test
async def test_cursors_of_other_pages_are_refused(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    all_ids = await sent(john, talk, 5)
    path = f"/api/conversations/{talk}/messages"
    plain = links(await jane.get(f"{path}?limit=1"))["next"].partition("cursor=")[2]
    window = links(await around(jane, talk, all_ids[2], "&limit=1"))["next"].partition("cursor=")[2]
    assert (await around(jane, talk, all_ids[2], f"&cursor={plain}")).status == 422
    assert (await around(jane, talk, all_ids[3], f"&cursor={window}")).status == 422
    assert (await jane.get(f"{path}?cursor={window}")).status == 422
