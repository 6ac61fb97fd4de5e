"""Generates the OpenAPI 3.1 description from the routes and the msgspec types.

`handlers/describing/operations.py` has the texts.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

from handlers import content
from handlers.describing import examples
from handlers.describing.operations import CODES, NO_OPERATIONS, OPERATIONS, TAGS, Answer, Operation
from handlers.requests import cursors, problems
from handlers.requests.api import DEFAULT_LIMIT, LARGEST_LIMIT, ApiHandler
from handlers.requests.base import SAFE_METHODS, Handler
from handlers.stream import StreamHandler

VERSION = "1"  # of the API

Json = dict[str, Any]


class Undescribed(Exception):
    """A route has no description in `handlers/describing/operations.py`."""


_POSITION = {"type": "string", "pattern": r"^[^-\s]+-(0|[1-9][0-9]*)$"}
_RESUME: Json = {
    "schema": {"type": "string"},
    "description": "The position to resume after.",
    "example": "0a5b690f4da8-2",
}
_PARAMETERS: Mapping[str, Json] = {
    "limit": {
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": LARGEST_LIMIT,
            "default": DEFAULT_LIMIT,
        },
        "description": "The largest number of items in a page.",
        "example": DEFAULT_LIMIT,
    },
    "cursor": {
        "schema": {"type": "string", "pattern": cursors.PATTERN},
        "description": "An opaque value from the link to the next page.",
        "example": "c2VhbGVkIGN1cnNvcg",
    },
    "after": {
        "schema": {"type": "string", "pattern": "^(0|[1-9][0-9]{0,17})$"},
        "description": "Only messages after this id. The id need not exist.",
        "example": "345",
    },
    "around": {
        "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"},
        "description": "A page with this message in its middle.",
        "example": "345",
    },
    "search": {
        "schema": {"type": "string", "minLength": 1},
        "description": "The beginning of the name.",
        "example": "ja",
        "required": True,
    },
    "search for members": {
        "name": "search",
        "schema": {"type": "string", "pattern": rf"[^{content.SPACE}\u0000-\u001f@\uff20\ufe6b]"},
        "description": "The beginning of a name. With it, there is one page of at most ten.",
        "example": "ja",
    },
    "search for people": {
        "name": "search",
        "schema": {"type": "string", "pattern": rf"[^{content.SPACE}\u0000-\u001f@\uff20\ufe6b]"},
        "description": "The beginning of a name. An `@` before it is removed.",
        "example": "ja",
        "required": True,
    },
    "return_to": {
        "schema": {"type": "string"},
        "description": "The path of the page to return to.",
        "example": "/conversations/12",
    },
    "code": {
        "schema": {"type": "string"},
        "description": "The code that GitHub exchanges for a token.",
        "example": "0123456789abcdef0123",
    },
    "state": {
        "schema": {"type": "string"},
        "description": "Identifies the sign-in.",
        "example": "c3RhdGU",
    },
    "error": {
        "schema": {"type": "string"},
        "description": "Why GitHub refused the sign-in.",
        "example": "access_denied",
    },
    "lastEventId": _RESUME,
    "Last-Event-ID": _RESUME,
    "last_event_id": _RESUME,
    "token": {
        "schema": {"type": "string"},
        "description": "A token, for clients that can send neither header nor cookie.",
        "example": "TOKEN",
    },
}
_HEADERS: Mapping[str, Json] = {
    "Last-Event-ID": {
        "schema": _POSITION,
        "description": "The position in your feed that the answer reflects.",
        "required": True,
    },
    "Unread-Total": {
        "schema": {"type": "integer", "minimum": 0, "maximum": 1000},
        "description": "The number of unread messages in all conversations at that position. 1000"
        " means 1000 or more. Only the first page has it.",
    },
    "Link": {
        "schema": {"type": "string"},
        "description": 'The next page, as rel="next" (RFC 8288). The last page has none.'
        ' A page around a message has rel="prev" to newer messages, too.',
    },
    "Location": {
        "schema": {"type": "string"},
        "description": "The URL of the resource, or of the redirect.",
        "required": True,
    },
    "Set-Cookie": {
        "schema": {"type": "string"},
        "description": "The cookie of the session, or of the sign-in.",
        "required": True,
    },
    "WWW-Authenticate": {
        "schema": {"const": "Bearer"},
        "description": "The request needs a token.",
        "required": True,
    },
    "Retry-After": {
        "schema": {"type": "integer", "minimum": 1},
        "description": "How many seconds to wait before trying again.",
        "required": True,
    },
}
_HEADERS_OF_REFUSALS = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
    507: ("Retry-After",),
}
_SENT_HEADERS: Mapping[str, Json] = {
    "Last-Event-ID": _RESUME,
    "X-User": {
        "schema": {"type": "string"},
        "description": "The id of the user that the request is for. If the credential belongs to"
        " another user, the server answers 409 and does nothing.",
        "example": "7",
    },
}
_NAMES = {  # of what follows it in a path
    "/avatars": "name",
    "/members": "userId",
    "/messages": "messageId",
    "/reactions": "emoji",
}
_METHODS = {"get", "post", "put", "patch", "delete"}
_PATH_PARAMETERS: Mapping[str, Json] = {
    "userId": {
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "description": "The id of a user.",
        "example": "8",
    },
    "id": {
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "description": "A positive number, without leading zeros.",
        "example": "12",
    },
    "messageId": {
        "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "description": "The id of a message in the conversation.",
        "example": "345",
    },
    "emoji": {
        "schema": {"type": "string", "minLength": 1},
        "description": "One emoji, percent-encoded. It may lack U+FE0F.",
        "example": "👍",
    },
    "name": {
        "schema": {"type": "string", "pattern": r"^[0-9a-f]{64}\.(png|jpg|webp)$"},
        "description": "The SHA-256 of the picture, and its type.",
        "example": f"{0:064x}.png",
    },
}


def check(routes: Iterable[tuple[str, type[Handler]]]) -> None:
    """Raises `Undescribed` if a route or one of its methods has no description."""
    for pattern, handler in routes:
        if handler not in NO_OPERATIONS:
            methods = set(handler._methods) - {"HEAD"}
            if missing := methods - OPERATIONS.get(handler, {}).keys():
                listed = ", ".join(sorted(missing))
                raise Undescribed(
                    f"{pattern} ({handler.__name__}): no description of {listed}"
                    " in handlers/describing/operations.py"
                )


@cache
def encoded(routes: tuple[tuple[str, type[Handler]], ...]) -> bytes:
    """Returns the description as JSON. Raises `Undescribed`."""
    check(routes)
    return msgspec.json.encode(description(routes))


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
            "description": "Every route with GET answers HEAD as well. Ids are strings, times are"
            " in UTC, and the keys of JSON are in camelCase. Errors are problem details (RFC 9457)"
            " with a stable `code`.",
        },
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "responses": {
                str(status): _refusal(status, schemas) for status in sorted(_all_refusals(paths))
            },
            "headers": _HEADERS,
            "schemas": schemas.components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "messenger-session",
                    "description": "`__Host-messenger-session` if the origin is https.",
                },
                "query": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }


class _Schemas:
    """Collects the schemas of types. Named types become components."""

    def __init__(self) -> None:
        self.components: Json = {}

    def of(self, kind: Any) -> Json:
        if isinstance(kind, tuple):
            return {"anyOf": [self.of(one) for one in kind]}
        (schema,), components = msgspec.json.schema_components(
            [kind], ref_template="#/components/schemas/{name}"
        )
        self.components |= components
        return schema


def _path(pattern: str) -> str:
    """Turns `/api/sessions/([1-9][0-9]*)` into `/api/sessions/{id}`."""
    return re.sub(
        r"(/\w+)/\(.*?\)+(?=/|$)",
        lambda found: f"{found[1]}/{{{_NAMES.get(found[1], 'id')}}}",
        pattern,
    )


def _path_item(path: str, handler: type[Handler], schemas: _Schemas) -> Json:
    item: Json = {}
    for method, operation in OPERATIONS[handler].items():
        item[method.lower()] = _operation(path, handler, method, operation, schemas)
    if names := re.findall(r"\{(\w+)\}", path):
        item["parameters"] = [
            {"name": name, "in": "path", "required": True, **_PATH_PARAMETERS[name]}
            for name in names
        ]
    return item


def _operation(
    path: str, handler: type[Handler], method: str, operation: Operation, schemas: _Schemas
) -> Json:
    told: Json = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "x-codeSamples": [{"lang": "Shell", "source": _curl(path, handler, method, operation)}],
    }
    if parameters := _parameters(handler, operation):
        told["parameters"] = parameters
    if operation.body is not None:
        content = {"application/json": _json(operation.body, schemas)}
        told["requestBody"] = {"required": operation.needs_body, "content": content}
    told["security"] = _security(handler)
    told["responses"] = {
        str(status): _answer(answer, schemas) for status, answer in operation.answers.items()
    } | {
        str(status): {"$ref": f"#/components/responses/{status}"}
        for status in sorted(_refusals(path, handler, method, operation))
    }
    return told


def _parameters(handler: type[Handler], operation: Operation) -> list[Json]:
    named = operation.headers + (("X-User",) if _security(handler) else ())
    return [{"name": name, "in": "query", **_PARAMETERS[name]} for name in operation.query] + [
        {"name": name, "in": "header", **_SENT_HEADERS[name]} for name in named
    ]


def _json(kind: Any, schemas: _Schemas, example: Any = None) -> Json:
    return {"schema": schemas.of(kind), "example": example or examples.example(kind)}


def _curl(path: str, handler: type[Handler], method: str, operation: Operation) -> str:
    """Returns the request as a curl command."""
    for name, parameter in _PATH_PARAMETERS.items():
        path = path.replace(f"{{{name}}}", parameter["example"])
    searches = any(name.startswith("search") for name in operation.query)
    query = "?search=ja" if searches else ""
    words = ["curl", *([] if method == "GET" else ["-X", method])]
    if _security(handler):
        words.append("-H 'Authorization: Bearer TOKEN'")
    if handler is StreamHandler:
        words += ["-N", "-H 'Accept: text/event-stream'"]
    if operation.body is not None:
        body = msgspec.json.encode(examples.example(operation.body)).decode()
        words += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return " ".join([*words, f"'http://localhost:8000{path}{query}'"])


def _security(handler: type[Handler]) -> list[Json]:
    if handler is StreamHandler:
        return [{"token": []}, {"cookie": []}, {"query": []}]
    if issubclass(handler, ApiHandler) and handler.needs_credentials:
        return [{"token": []}, {"cookie": []}]
    return []


def _refusals(path: str, handler: type[Handler], method: str, operation: Operation) -> set[int]:
    """Returns all error statuses that the operation may answer."""
    found = {400, 414, 421, 431, *operation.refusals}
    if "{" in path:
        found.add(404)
    if method not in SAFE_METHODS or not handler.other_sites_may_read:
        found.add(403)
    if issubclass(handler, ApiHandler):
        found |= {413, 415, 429}
    if _security(handler):
        found |= {401, 409}
    if issubclass(handler, ApiHandler) and handler.needs_database:
        found.add(503)
    return found


def _answer(answer: Answer, schemas: _Schemas) -> Json:
    told: Json = {"description": answer.meaning}
    if isinstance(answer.kind, str):
        text = {} if answer.example is None else {"example": answer.example}
        told["content"] = {answer.kind: {"schema": {}, **text}}
    elif answer.kind is not None:
        told["content"] = {"application/json": _json(answer.kind, schemas, answer.example)}
    if answer.headers:
        told["headers"] = {name: _header(name) for name in answer.headers}
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
        "description": " ".join(f"`{code}`: {text}" for code, text in CODES[status].items()),
        "content": {"application/problem+json": {"schema": _details(status, schemas)}},
    }
    if names := _HEADERS_OF_REFUSALS.get(status):
        told["headers"] = {name: _header(name) for name in names}
    return told


def _details(status: int, schemas: _Schemas) -> Json:
    """Returns the schema of problem details, with the codes of one status."""
    only = {"status": {"const": status}, "code": {"enum": list(CODES[status])}}
    return {"allOf": [schemas.of(problems.Details), {"properties": only}]}


def _header(name: str) -> Json:
    return {"$ref": f"#/components/headers/{name}"}
