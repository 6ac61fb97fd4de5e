"""Finding people by the beginning of their name."""

import pytest

from tests.support.people import Visitor
from tests.support.rules import rule


async def found(visitor: Visitor, search: str) -> list[str]:
    me = await visitor.sign_in("me")
    answer = await me.get(f"/api/usernames?search={search}")
    assert answer.status == 200, answer
    return list(answer.json)


@rule("api#search")
@pytest.mark.gen_test
async def test_names_are_found_and_sorted_regardless_of_case(
    visitor: Visitor,
) -> None:
    for name in ("jane", "Jack", "JAMES", "bob", "xja", "j"):
        await visitor.sign_in(name)
    assert await found(visitor, "ja") == ["Jack", "JAMES", "jane"]
    assert await found(visitor, "JA") == ["Jack", "JAMES", "jane"]
    assert await found(visitor, "j") == ["j", "Jack", "JAMES", "jane"]
    assert await found(visitor, "jane") == ["jane"]
    assert await found(visitor, "janet") == []


@rule("api#search")
@pytest.mark.gen_test
async def test_at_most_five_names_are_found_and_never_ones_own(visitor: Visitor) -> None:
    for n in range(7):
        await visitor.sign_in(f"me-{n}")
    assert await found(visitor, "me") == [f"me-{n}" for n in range(5)]


@rule("api#search")
@pytest.mark.parametrize("search", ["%25", "_", "a%25", "%5C", "é", "%00", "*", "%20", "a%00"])
@pytest.mark.gen_test
async def test_wildcards_and_what_no_name_holds_are_plain_characters(
    visitor: Visitor, search: str
) -> None:
    for name in ("a", "ab", "b"):
        await visitor.sign_in(name)
    assert await found(visitor, search.replace("é", "%C3%A9")) == []


@rule("api#search")
@pytest.mark.parametrize("query", ["", "?search=", "?other=a"])
@pytest.mark.gen_test
async def test_an_empty_search_is_refused(visitor: Visitor, query: str) -> None:
    me = await visitor.sign_in("me")
    answer = await me.get(f"/api/usernames{query}")
    assert (answer.status, set(answer.json["errors"])) == (422, {"search"})


@pytest.mark.gen_test
async def test_a_search_that_is_no_text_is_refused_as_malformed(visitor: Visitor) -> None:
    me = await visitor.sign_in("me")
    assert (await me.get("/api/usernames?search=%ED%A0%80")).status == 400
    assert (await me.get("/api/usernames?search=%ff")).status == 400
