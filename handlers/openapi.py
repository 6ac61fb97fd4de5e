"""The description of the API: OpenAPI 3.1, made of the routes and of the types read and answered.

`OPERATIONS` says what neither of them can; a test holds that no route is missing in it.
"""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from db.conversations import Conversation
from db.messages import Message
from db.sessions import Session
from db.users import User
from handlers import avatars, cursors, descriptions, health, pages, problems
from handlers.api import DEFAULT_LIMIT, LARGEST_LIMIT, ApiHandler, UnknownRoute
from handlers.base import SAFE_METHODS, Handler
from handlers.conversations import (
    ConversationsHandler,
    OneConversationHandler,
    OpeningFields,
    OtherParticipantHandler,
)
from handlers.github_sign_in import BeginHandler, CallbackHandler
from handlers.messages import MessageFields, MessagesHandler, ReadFields, ReadMessagesHandler
from handlers.sessions import SessionHandler, SessionsHandler
from handlers.sign_in import (
    AuthUserHandler,
    Grant,
    Login,
    LoginFields,
    LoginHandler,
    LogoutHandler,
    RefreshTokenHandler,
    SignInMethods,
    SignInMethodsHandler,
)
from handlers.stream import StreamHandler
from handlers.usernames import UsernamesHandler

VERSION = "1"  # of the API

Json = dict[str, Any]


class Answer(NamedTuple):
    """`kind` is a type that msgspec knows, or a media type, or None for no content."""

    meaning: str
    kind: Any = None
    headers: tuple[str, ...] = ()


class Operation(NamedTuple):
    name: str
    summary: str
    answers: Mapping[int, Answer]
    body: Any = None
    needs_body: bool = True
    query: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()  # beside those that all handlers of its kind share


PAGE = ("Last-Event-ID", "Link")
SNAPSHOT = ("Last-Event-ID",)
COOKIE = ("Set-Cookie",)

OPERATIONS: Mapping[type[Handler], Mapping[str, Operation]] = {
    LoginHandler: {
        "POST": Operation(
            "login",
            "Sign in by name alone; for development, and not there elsewhere.",
            {200: Answer("Signed in.", Login, COOKIE)},
            body=LoginFields,
            refusals=(404, 422, 429),
        )
    },
    RefreshTokenHandler: {
        "POST": Operation(
            "refreshToken",
            "A new token of the same session.",
            {200: Answer("The new token.", Grant, COOKIE)},
        )
    },
    LogoutHandler: {
        "POST": Operation("logout", "End this session.", {204: Answer("Ended.", None, COOKIE)})
    },
    AuthUserHandler: {"GET": Operation("authUser", "Who asks.", {200: Answer("You.", User)})},
    SignInMethodsHandler: {
        "GET": Operation(
            "signInMethods", "Which ways in are open.", {200: Answer("Those.", SignInMethods)}
        )
    },
    BeginHandler: {
        "GET": Operation(
            "beginGitHubSignIn",
            "To GitHub; not there where it is not configured.",
            {302: Answer("To GitHub.", None, ("Location", *COOKIE))},
            query=("return_to",),
            refusals=(404,),
        )
    },
    CallbackHandler: {
        "GET": Operation(
            "finishGitHubSignIn",
            "Back from GitHub.",
            {302: Answer("To the page first asked for.", None, ("Location", *COOKIE))},
            query=("code", "state", "error"),
            refusals=(404, 429),
        )
    },
    SessionsHandler: {
        "GET": Operation(
            "sessions", "Where one is signed in.", {200: Answer("Latest first.", list[Session])}
        ),
        "DELETE": Operation(
            "endOtherSessions", "End all sessions but this one.", {204: Answer("Ended.")}
        ),
    },
    SessionHandler: {
        "DELETE": Operation("endSession", "End a session.", {204: Answer("Ended.")}),
    },
    UsernamesHandler: {
        "GET": Operation(
            "usernames",
            "Names that begin so, at most five.",
            {200: Answer("In their order.", list[str])},
            query=("search",),
            refusals=(422, 429),
        )
    },
    ConversationsHandler: {
        "GET": Operation(
            "conversations",
            "One's conversations, latest activity first.",
            {200: Answer("A page of them.", list[Conversation], PAGE)},
            query=("limit", "cursor"),
            refusals=(422,),
        ),
        "POST": Operation(
            "openConversation",
            "The conversation with somebody, made if there is none.",
            {
                201: Answer("It is new.", Conversation, ("Location",)),
                200: Answer("There was one.", Conversation, ("Location",)),
            },
            body=OpeningFields,
            refusals=(404, 422, 429),
        ),
    },
    OneConversationHandler: {
        "GET": Operation(
            "conversation", "A conversation.", {200: Answer("It.", Conversation, SNAPSHOT)}
        )
    },
    OtherParticipantHandler: {
        "GET": Operation(
            "otherParticipant",
            "With whom one talks there.",
            {200: Answer("They.", User, SNAPSHOT)},
        )
    },
    MessagesHandler: {
        "GET": Operation(
            "messages",
            "The messages of a conversation, newest first.",
            {200: Answer("A page of them.", list[Message], PAGE)},
            query=("limit", "cursor"),
            refusals=(422,),
        ),
        "POST": Operation(
            "send",
            "Send a message.",
            {
                201: Answer("Stored.", Message),
                200: Answer("The same was stored before.", Message),
            },
            body=MessageFields,
            refusals=(409, 422, 429, 507),
        ),
    },
    ReadMessagesHandler: {
        "POST": Operation(
            "markRead",
            "Move one's marker forward.",
            {204: Answer("As far, or further.")},
            body=ReadFields,
            needs_body=False,
            refusals=(422,),
        )
    },
    StreamHandler: {
        "GET": Operation(
            "stream",
            "The stream of one's events, described in /api/asyncapi.json.",
            {200: Answer("Server-Sent Events.", "text/event-stream")},
            query=("last_event_id", "token"),
            refusals=(406, 429),
        )
    },
    avatars.AvatarHandler: {
        "GET": Operation(
            "avatar", "A picture of a user.", {200: Answer("It.", "image/*")}, refusals=(503,)
        )
    },
    descriptions.OpenApiHandler: {
        "GET": Operation("openapi", "This.", {200: Answer("OpenAPI 3.1.", dict[str, Any])})
    },
    descriptions.AsyncApiHandler: {
        "GET": Operation(
            "asyncapi", "The events of the stream.", {200: Answer("AsyncAPI 3.", dict[str, Any])}
        )
    },
    health.LiveHandler: {
        "GET": Operation("live", "Does the loop turn?", {200: Answer("Yes.", dict[str, str])})
    },
    health.ReadyHandler: {
        "GET": Operation(
            "ready", "Can it serve?", {200: Answer("Yes.", dict[str, str])}, refusals=(503,)
        )
    },
    health.MetricsHandler: {
        "GET": Operation("metrics", "Figures.", {200: Answer("For Prometheus.", "text/plain")})
    },
}

NO_OPERATIONS = (UnknownRoute, pages.PageHandler)  # the first refuses all, the second is the page

_PARAMETERS: Mapping[str, Json] = {
    "limit": {
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": LARGEST_LIMIT,
            "default": DEFAULT_LIMIT,
        }
    },
    "cursor": {
        "schema": {"type": "string", "pattern": cursors.PATTERN},
        "description": "Of the link to the next page; opaque.",
    },
    "search": {"schema": {"type": "string", "minLength": 1}, "required": True},
    "return_to": {"schema": {"type": "string"}, "description": "A path of this server's."},
    "code": {"schema": {"type": "string"}},
    "state": {"schema": {"type": "string"}},
    "error": {"schema": {"type": "string"}},
    "last_event_id": {
        "schema": {"type": "string"},
        "description": "Where to resume; the header of that name wins.",
    },
    "token": {
        "schema": {"type": "string"},
        "description": "For clients that can send neither header nor cookie.",
    },
}
_HEADERS: Mapping[str, Json] = {
    "Last-Event-ID": {
        "schema": {"type": "string", "pattern": r"^[^-\s]+-(0|[1-9][0-9]*)$"},
        "description": "The position in one's feed that this reflects.",
        "required": True,
    },
    "Link": {
        "schema": {"type": "string"},
        "description": 'The next page, as rel="next" (RFC 8288); none on the last one.',
    },
    "Location": {"schema": {"type": "string"}, "required": True},
    "Set-Cookie": {"schema": {"type": "string"}, "required": True},
    "WWW-Authenticate": {"schema": {"const": "Bearer"}, "required": True},
    "Retry-After": {
        "schema": {"type": "integer", "minimum": 1},
        "description": "In seconds.",
        "required": True,
    },
}
_HEADERS_OF_REFUSALS = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
    507: ("Retry-After",),
}
_METHODS = {"get", "post", "delete"}
_PATH_PARAMETERS = {
    "id": {"type": "string", "pattern": "^[1-9][0-9]*$"},
    "name": {"type": "string", "pattern": r"^[0-9a-f]{64}\.(png|jpg|webp)$"},
}


def description(routes: Iterable[tuple[str, type[Handler]]]) -> Json:
    schemas = _Schemas()
    paths = {
        _path(pattern): _path_item(_path(pattern), handler, schemas)
        for pattern, handler in routes
        if handler not in NO_OPERATIONS
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Messenger",
            "version": VERSION,
            "description": "HEAD is answered wherever GET is. Ids are texts, times are in UTC.",
        },
        "paths": paths,
        "components": {
            "responses": {
                str(status): _refusal(status, schemas) for status in sorted(_all_refusals(paths))
            },
            "schemas": schemas.components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "messenger-session"},
                "query": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }


class _Schemas:
    """The schemas of types, those with a name once each."""

    def __init__(self) -> None:
        self.components: Json = {}

    def of(self, kind: Any) -> Json:
        (schema,), components = msgspec.json.schema_components(
            [kind], ref_template="#/components/schemas/{name}"
        )
        self.components |= components
        return schema


def _path(pattern: str) -> str:
    """`/api/sessions/([1-9][0-9]*)` is `/api/sessions/{id}`."""
    return re.sub(r"/\(.*?\)+(?=/|$)", r"/{name}" if "avatars" in pattern else r"/{id}", pattern)


def _path_item(path: str, handler: type[Handler], schemas: _Schemas) -> Json:
    item: Json = {}
    for method, operation in OPERATIONS[handler].items():
        item[method.lower()] = _operation(path, handler, method, operation, schemas)
    if names := re.findall(r"\{(\w+)\}", path):
        item["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": _PATH_PARAMETERS[name]}
            for name in names
        ]
    return item


def _operation(
    path: str, handler: type[Handler], method: str, operation: Operation, schemas: _Schemas
) -> Json:
    told: Json = {"operationId": operation.name, "summary": operation.summary}
    if operation.query:
        told["parameters"] = [
            {"name": name, "in": "query", **_PARAMETERS[name]} for name in operation.query
        ]
    if operation.body is not None:
        content = {"application/json": {"schema": schemas.of(operation.body)}}
        told["requestBody"] = {"required": operation.needs_body, "content": content}
    told["security"] = _security(handler)
    told["responses"] = {
        str(status): _answer(answer, schemas) for status, answer in operation.answers.items()
    } | {
        str(status): {"$ref": f"#/components/responses/{status}"}
        for status in sorted(_refusals(path, handler, method, operation))
    }
    return told


def _security(handler: type[Handler]) -> list[Json]:
    if handler is StreamHandler:
        return [{"token": []}, {"cookie": []}, {"query": []}]
    if issubclass(handler, ApiHandler) and handler.needs_credentials:
        return [{"token": []}, {"cookie": []}]
    return []


def _refusals(path: str, handler: type[Handler], method: str, operation: Operation) -> set[int]:
    """In all that a handler of this kind may answer."""
    found = {400, 421, *operation.refusals}
    if "{" in path:
        found.add(404)
    if method not in SAFE_METHODS or not handler.other_sites_may_read:
        found.add(403)
    if operation.body is not None:
        found |= {413, 415}
    if _security(handler):
        found.add(401)
    if issubclass(handler, ApiHandler) and handler.needs_database:
        found.add(503)
    return found


def _answer(answer: Answer, schemas: _Schemas) -> Json:
    told: Json = {"description": answer.meaning}
    if isinstance(answer.kind, str):
        told["content"] = {answer.kind: {"schema": {}}}
    elif answer.kind is not None:
        told["content"] = {"application/json": {"schema": schemas.of(answer.kind)}}
    if answer.headers:
        told["headers"] = {name: _HEADERS[name] for name in answer.headers}
    return told


def _all_refusals(paths: Json) -> set[int]:
    operations = [item[method] for item in paths.values() for method in item.keys() & _METHODS]
    return {
        int(status)
        for operation in operations
        for status, answer in operation["responses"].items()
        if "$ref" in answer
    }


def _refusal(status: int, schemas: _Schemas) -> Json:
    told: Json = {
        "description": HTTPStatus(status).phrase,
        "content": {"application/problem+json": {"schema": schemas.of(problems.Details)}},
    }
    if names := _HEADERS_OF_REFUSALS.get(status):
        told["headers"] = {name: _HEADERS[name] for name in names}
    return told
