"""What the API says of itself holds: every route is in it, and every answer and event fits it."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from schemathesis import Case
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from handlers import asyncapi, openapi
from handlers.routes import ROUTES
from tests.support.callers import Caller
from tests.support.people import Visitor
from tests.support.postgres import Postgres
from tests.support.processes import ServerProcess
from tests.support.sse import Event


def test_every_route_and_every_method_is_described() -> None:
    paths = openapi.description(ROUTES)["paths"]
    described = {handler for _, handler in ROUTES if handler in openapi.OPERATIONS}
    assert {handler for _, handler in ROUTES} == described | set(openapi.NO_OPERATIONS)
    assert len(paths) == len(described)
    for handler, operations in openapi.OPERATIONS.items():
        assert set(handler._methods) - {"HEAD"} == set(operations)
    names = [o.name for operations in openapi.OPERATIONS.values() for o in operations.values()]
    assert len(names) == len(set(names))


@pytest.mark.gen_test
async def test_anyone_may_read_the_descriptions(visitor: Visitor) -> None:
    for path, version in (("openapi", "3.1.0"), ("asyncapi", "3.0.0")):
        answer = await visitor.get(f"/api/{path}.json")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        assert answer.json[path] == version


def references(value: Any) -> Iterator[str]:
    match value:
        case {"$ref": str(target)}:
            yield target
        case dict():
            for inner in value.values():
                yield from references(inner)
        case list():
            for inner in value:
                yield from references(inner)


def test_the_descriptions_hang_together() -> None:
    for told in (openapi.description(ROUTES), asyncapi.description()):
        for schema in told["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)
        found = set(references(told))
        assert found
        for target in found:
            place: Any = told
            for step in target.removeprefix("#/").split("/"):
                place = place[step]


# Events.


class Described:
    """Checks events against the description that a server gives of them."""

    def __init__(self, told: Any) -> None:
        self._messages = told["components"]["messages"]
        self._schemas = told["components"]["schemas"]
        self.seen: set[str] = set()

    def check(self, event: Event) -> None:
        message = self._messages[event.name]
        schema = {**message["payload"], "components": {"schemas": self._schemas}}
        Draft202012Validator(schema).validate(event.data)
        if event.name != "hello":
            assert (event.id is not None) is message["x-has-id"]
        self.seen.add(event.name)


@pytest.mark.gen_test
async def test_every_event_is_as_it_is_described(visitor: Visitor, app: Any) -> None:
    described = Described((await visitor.get("/api/asyncapi.json")).json)
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    async with jane.stream("nonsense") as of_jane, john.stream() as of_john:
        conversation = await john.talk_to(jane)
        await john.send(conversation, "hello")
        await john.send(conversation, "again", "123e4567-e89b-12d3-a456-426614174000")
        await jane.read(conversation)
        await app.sender.idle()
        for stream in list(app.bus):
            stream.ping()
        for stream in list(app.bus):
            stream.end("draining")
        for stream in (of_jane, of_john):
            described.check(stream.hello)
            events = []
            while not events or events[-1].name != "bye":
                events.append(await stream.event(pings=True))
            for event in events:
                described.check(event)
        assert described.seen == set(asyncapi.EVENTS) - {"user"}


def test_a_user_that_changed_is_described_as_a_user() -> None:
    """Their event comes of signing in with GitHub: see tests of that."""
    validator = Draft202012Validator(asyncapi.description()["components"]["schemas"]["User"])
    validator.validate({"id": "1", "username": "jane", "avatarURL": None})
    assert not validator.is_valid({"id": 1, "username": "jane", "avatarURL": None})
    assert not validator.is_valid({"id": "1", "username": "jané", "avatarURL": None})


# Requests of all kinds that the description allows, and of many that it does not.


@pytest.fixture(scope="module")
def server(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("described")
    with (
        postgres.database() as dsn,
        ServerProcess(folder, DATABASE_URL=dsn, RATE_LIMITS="off") as server,
    ):
        john, jane = Caller(server.url, "john"), Caller(server.url, "jane")
        talk = john.ask("/api/conversations", {"username": "jane"})["id"]
        for caller in (john, jane):
            caller.ask(f"/api/conversations/{talk}/messages", {"content": "hello"})
        yield server


api = schemathesis.openapi.from_dict(openapi.description(ROUTES)).exclude(
    # Without a GitHub there is nothing there; what is no avatar's name is a place in the page.
    path_regex="/api/oauth/|/avatars/"
)


@api.parametrize()
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_the_api_does_what_it_says(case: Case, server: ServerProcess) -> None:
    """In a session of its own each time, since sessions can be ended."""
    case.headers["Authorization"] = f"Bearer {Caller(server.url, 'john').token}"
    excluded = [ignored_auth]  # that each of them wants a credential is tested beside credentials
    if "cursor" in (case.query or {}) or case.path == "/api/messages":
        excluded.append(positive_data_acceptance)  # only a link has a cursor; a stream never ends
    if case.path.endswith("/read_messages"):
        excluded.append(
            positive_data_acceptance
        )  # a message of that conversation: no schema says so
    case.call_and_validate(base_url=server.url, excluded_checks=excluded)
