"""A request that names a user is answered only to that user."""

import pytest

from tests.support.people import Person, Visitor, two
from tests.support.rules import rule
from tests.support.sse import EventStream

REQUESTS = [
    ("POST", "/api/refresh_token", None),
    ("GET", "/api/auth_user", None),
    ("GET", "/api/sessions", None),
    ("DELETE", "/api/sessions", None),
    ("DELETE", "/api/sessions/{session}", None),
    ("GET", "/api/usernames?search=j", None),
    ("POST", "/api/conversations", {"username": "jim"}),
    ("GET", "/api/conversations", None),
    ("GET", "/api/conversations/{conversation}", None),
    ("GET", "/api/conversations/{conversation}/other_participant", None),
    ("POST", "/api/conversations/{conversation}/messages", {"content": "not hers"}),
    ("GET", "/api/conversations/{conversation}/messages", None),
    ("POST", "/api/conversations/{conversation}/read_messages", None),
    ("HEAD", "/api/messages", None),
    ("POST", "/api/logout", None),
]


@rule("api#x-user")
@pytest.mark.gen_test
async def test_a_request_for_another_user_is_refused_and_changes_nothing(
    visitor: Visitor,
) -> None:
    john, jane, conversation = await two(visitor)
    await visitor.sign_in("jim")
    await john.send(conversation, "hello")
    sessions = (await jane.get("/api/sessions")).json
    names = {"conversation": conversation, "session": sessions[0]["id"]}
    before = await seen(jane)
    async with jane.stream() as stream:
        for method, path, fields in REQUESTS:
            headers = {"X-User": john.id}
            answer = await jane.ask(method, path.format(**names), fields, headers=headers)
            assert answer.status == 409, (method, path)
            if method != "HEAD":
                assert answer.json["code"] == "other_user"
            assert "Set-Cookie" not in answer.headers
        assert await stream.silent()
    assert await seen(jane) == before


async def seen(person: Person) -> list[object]:
    paths = ("/api/conversations", "/api/sessions")
    return [(await person.get(path)).json for path in paths]


@pytest.mark.gen_test
async def test_a_request_for_its_own_user_is_answered(visitor: Visitor) -> None:
    _, jane, conversation = await two(visitor)
    names = {"conversation": conversation, "session": "999"}
    for method, path, fields in REQUESTS:
        headers = {"X-User": jane.id, "Accept": "text/event-stream"}
        answer = await jane.ask(method, path.format(**names), fields, headers=headers)
        assert answer.status in (200, 201, 204, 404), (method, path, answer)


@rule("api#x-user")
@pytest.mark.gen_test
async def test_only_the_exact_id_counts(visitor: Visitor) -> None:
    jane = await visitor.sign_in("jane")
    for wrong in ("", "0" + jane.id, f"+{jane.id}", f"{jane.id}.0", "jane", f"{jane.id},{jane.id}"):
        assert (await jane.get("/api/auth_user", headers={"X-User": wrong})).status == 409, wrong
    for right in (jane.id, f"  {jane.id}\t"):  # white space around a value is no part of it
        assert (await jane.get("/api/auth_user", headers={"X-User": right})).status == 200


@pytest.mark.gen_test
async def test_a_stream_for_another_user_is_refused(visitor: Visitor, base_url: str) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    refused = await EventStream.open(base_url, jane.headers() | {"X-User": john.id})
    assert refused.status == 409
    refused.close()
    async with jane.stream(X_User=jane.id) as stream:
        assert stream.hello is not None


@pytest.mark.gen_test
async def test_routes_without_a_credential_ignore_the_header(visitor: Visitor) -> None:
    headers = {"X-User": "1"}
    for path in ("/api/sign_in_methods", "/", "/health/ready", "/api/openapi.json"):
        assert (await visitor.get(path, headers=headers)).status == 200
    answer = await visitor.post("/api/login", {"username": "jane"}, headers=headers)
    assert answer.status == 200


@rule("api#order-of-refusals")
@pytest.mark.gen_test
async def test_the_refusal_comes_in_the_documented_order(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    wrong, path = {"X-User": john.id}, "/api/conversations/999/messages"

    async def code(method: str, path: str, **options: object) -> str:
        options["headers"] = wrong | options.get("headers", {})  # type: ignore[operator]
        return str((await jane.ask(method, path, **options)).json["code"])  # type: ignore[arg-type]

    assert await code("GET", "/api/nothing") == "not_found"
    assert await code("PUT", path) == "method_not_allowed"
    assert await code("POST", path, headers={"Origin": "http://evil.test"}) == "cross_site"
    assert await code("POST", path, headers={"Authorization": "Bearer x"}) == "unauthorized"
    assert await code("POST", path, body=b"x") == "other_user"
    assert await code("POST", path, fields=[]) == "other_user"
    assert await code("GET", "/api/messages", headers={"Accept": "text/html"}) == "other_user"
    assert await code("GET", "/api/messages", body=b"x") == "other_user"
    assert await code("GET", f"{path}?limit=x") == "other_user"
    await jane.post("/api/logout")
    assert await code("POST", path, body=b"x") == "unauthorized"
    assert await code("GET", "/api/messages", body=b"x") == "unauthorized"
