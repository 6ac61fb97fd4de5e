"""The API's descriptions are true: every route is in them, and every answer and event fits."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

import config as options
from db.pool import Database
from handlers.application import Messenger
from handlers.describing import asyncapi, openapi
from handlers.describing.operations import CODES, NO_OPERATIONS, OPERATIONS, TAGS
from handlers.requests import problems
from handlers.requests.api import ApiHandler
from handlers.requests.services import Services
from handlers.routes import ROUTES
from handlers.sign_in import AuthUserHandler
from tests.conftest import SECRET
from tests.support.callers import Caller
from tests.support.people import Visitor
from tests.support.postgres import Postgres
from tests.support.processes import ServerProcess
from tests.support.sse import Event


def test_every_route_and_every_method_is_described() -> None:
    paths = openapi.description(ROUTES)["paths"]
    described = {handler for _, handler in ROUTES if handler in OPERATIONS}
    assert {handler for _, handler in ROUTES} == described | set(NO_OPERATIONS)
    assert len(paths) == len(described)
    for handler, operations in OPERATIONS.items():
        assert set(handler._methods) - {"HEAD"} == set(operations)
    names = [o.name for operations in OPERATIONS.values() for o in operations.values()]
    assert len(names) == len(set(names))


class Forgotten(ApiHandler):
    async def get(self) -> None: ...

    async def delete(self) -> None: ...


class HalfForgotten(AuthUserHandler):
    async def post(self) -> None: ...


@pytest.mark.parametrize("handler", [Forgotten, HalfForgotten])
@pytest.mark.gen_test
async def test_a_route_without_a_description_keeps_the_server_from_starting(
    handler: type[ApiHandler],
) -> None:
    routes = [(r"/api/forgotten", handler), *ROUTES]
    with pytest.raises(openapi.Undescribed, match="/api/forgotten"):
        Messenger(Services(options.parse([], {}), Database(""), SECRET), routes)


def operations() -> Iterator[tuple[str, Any]]:
    for path, item in openapi.description(ROUTES)["paths"].items():
        for method in item.keys() & {"get", "post", "delete"}:
            yield f"{method} {path}", item[method]


def test_each_operation_has_a_summary_a_description_a_tag_and_an_example() -> None:
    for name, operation in operations():
        assert operation["summary"], name
        assert operation["description"].endswith("."), name
        assert set(operation["tags"]) <= set(TAGS), name
        assert operation["x-codeSamples"][0]["source"].startswith("curl "), name
        parts = [*operation["responses"].values(), operation.get("requestBody", {})]
        for part in parts:
            for content in part.get("content", {}).values():
                assert "example" in content or content == {"schema": {}}, name


def test_each_example_fits_its_description() -> None:
    told = openapi.description(ROUTES)
    components = {"components": told["components"]}
    for name, operation in operations():
        for part in [*operation["responses"].values(), operation.get("requestBody", {})]:
            for content in part.get("content", {}).values():
                schema = content["schema"] | components
                Draft202012Validator(schema).validate(content.get("example", {})), name
    messages = asyncapi.description()["components"]["messages"]
    described = Described(asyncapi.description())
    for name, message in messages.items():
        event_id = "x-1" if message["x-has-id"] else None
        described.check(Event(name, message["examples"][0]["payload"], event_id, None))


def test_every_sentence_of_the_descriptions_calls_fields_as_json_does() -> None:
    said = " ".join(sentences([openapi.description(ROUTES), asyncapi.description()]))
    assert "`clientId`" in said
    codes = {code for codes in CODES.values() for code in codes}
    assert set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", said)) <= codes | {"last_event_id"}


def sentences(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for key, inner in value.items():
                if key in ("summary", "description") and isinstance(inner, str):
                    yield inner
                else:
                    yield from sentences(inner)
        case list():
            for inner in value:
                yield from sentences(inner)


def test_every_code_of_a_refusal_is_described() -> None:
    described = {code for codes in CODES.values() for code in codes}
    raised = set()
    for path in Path(problems.__file__).parent.parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call):
                words = [a.value for a in call.args if isinstance(a, ast.Constant)]
                name = ast.unparse(call.func)
                if name.startswith("problems.") or name == "super().__init__":
                    raised |= {w for w in words if re.fullmatch("[a-z]+(_[a-z]+)+|full", str(w))}
    assert "client_id_reused" in raised
    assert raised <= described


def test_the_headers_of_streams_and_lists_are_described() -> None:
    named = {name: {p["name"] for p in o.get("parameters", ())} for name, o in operations()}
    assert {"Last-Event-ID", "lastEventId", "X-User"} <= named["get /api/messages"]
    assert "after" in named["get /api/conversations/{id}/messages"]
    assert "X-User" in named["delete /api/sessions"]
    assert "X-User" not in named["post /api/login"]
    listed = dict(operations())["get /api/conversations"]["responses"]["200"]["headers"]
    assert {"Unread-Total", "Last-Event-ID", "Link"} <= listed.keys()
    hello = asyncapi.description()["components"]["messages"]["hello"]
    assert hello["headers"]["required"] == []
    assert "no id if a `reset` follows" in hello["description"]


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


def test_the_references_of_the_descriptions_exist() -> None:
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
    """Checks events against the server's description of them."""

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
async def test_every_event_fits_its_description(visitor: Visitor, app: Any) -> None:
    described = Described((await visitor.get("/api/asyncapi.json")).json)
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    async with jane.stream("nonsense") as of_jane, john.stream() as of_john:
        conversation = await john.talk_to(jane)
        await john.send(conversation, "hello")
        await john.send(conversation, "again", "123e4567-e89b-12d3-a456-426614174000")
        newest = (await john.history(conversation))[0]["id"]
        reactions = f"/api/conversations/{conversation}/messages/{newest}/reactions"
        assert (await jane.ask("PUT", reactions + "/%F0%9F%91%8D")).status == 204
        notify = f"/api/conversations/{conversation}/notify"
        for person in (john, jane):
            assert (await person.ask("PUT", notify, {"notify": "none"})).status == 204
        await jane.read(conversation)
        for person in (john, jane):
            assert (await person.post(f"/api/conversations/{conversation}/typing")).status == 204
        await jane.remove(await john.group("Team", jane), jane)
        changed = f"/api/conversations/{conversation}/messages/1"
        assert (await john.ask("PATCH", changed, {"content": "hello @jane"})).status == 200
        assert (await john.delete(changed)).status == 204
        await app.services.writer.idle()
        for stream in list(app.services.bus):
            stream.ping()
        for stream in list(app.services.bus):
            stream.end("draining")
        for stream in (of_jane, of_john):
            described.check(stream.hello)
            events: list[Event] = []
            while not events or events[-1].name != "bye":
                events.append(await stream.event(pings=True))
            for event in events:
                described.check(event)
        assert described.seen == set(asyncapi.events()) - {"user"}


def test_a_user_that_changed_is_described_as_a_user() -> None:
    """Signing in with GitHub makes that event, and has its own tests."""
    validator = Draft202012Validator(asyncapi.description()["components"]["schemas"]["User"])
    validator.validate({"id": "1", "username": "jane", "avatarURL": None})
    assert not validator.is_valid({"id": 1, "username": "jane", "avatarURL": None})
    assert not validator.is_valid({"id": "1", "username": "jané", "avatarURL": None})


# Requests of all kinds that the description allows, and many that it does not.


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


REFUSED = ["400", "401", "403", "404", "405", "406", "409", "414", "415", "422", "429"]
CHECKS = {"negative_data_rejection": {"expected-statuses": REFUSED}}  # 414 is not among its own

api = schemathesis.openapi.from_dict(
    openapi.description(ROUTES), config=schemathesis.Config.from_dict({"checks": CHECKS})
).exclude(
    # Without GitHub, its routes do not exist; a path that is no avatar's is a page of the app.
    path_regex="/api/oauth/|/avatars/"
)


@api.parametrize()
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_the_api_does_what_it_says(case: Any, server: ServerProcess) -> None:
    """Uses a new session each time, since a request may end it."""
    case.headers.pop("X-User", None)  # another user's is refused, which has its own tests
    case.headers["Authorization"] = f"Bearer {Caller(server.url, 'john').token}"
    excluded = [ignored_auth]  # the tests of credentials check that each operation requires one
    if "cursor" in (case.query or {}) or case.path == "/api/messages":
        excluded.append(positive_data_acceptance)  # only a link has a cursor; a stream never ends
    if case.path.endswith(("/read_messages", "/reactions/{emoji}")):
        # A message of that conversation, and an emoji, which no schema requires.
        excluded.append(positive_data_acceptance)
    if isinstance(case.body, dict) and "usernames" in case.body:
        excluded.append(positive_data_acceptance)  # names of users, who need not exist
    case.call_and_validate(base_url=server.url, excluded_checks=excluded)
