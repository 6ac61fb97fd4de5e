"""Generates the AsyncAPI 3 description of the stream from the types of its events."""

from functools import cache
from typing import Any, NamedTuple

import msgspec

from bus.event import Bye, Hello, Ping, Reset
from db import typing_event
from db.events import KINDS
from db.typing_event import Typing

VERSION = "1"  # of the API

Json = dict[str, Any]


class Told(NamedTuple):
    """An event of the stream."""

    example: msgspec.Struct  # of its data; its type gives the schema
    summary: str
    sent_to: str
    has_id: bool  # True: durable, numbered in the feed, and sent again to a client that missed it


_HELLO = Told(
    Hello(20, "5d1c2e9f04b7a836c1d0e2f3a4b59687"),
    "The stream is open",
    "The first event of each stream. Its id is the position that the stream starts from. It has"
    " no id if a `reset` follows. A `ping` follows about every `heartbeatSeconds`. `version` is a"
    " word that changes when the files of the server's page do.",
    True,
)
_RESET = Told(
    Reset("expired"),
    "The stream cannot resume",
    "Follows `hello` if missed events are no longer available: fetch the snapshots again. Its id is"
    " the feed's newest position.",
    True,
)
_TYPING = Told(
    Typing("12", "7"),
    "Somebody is typing",
    "The other participants get it, at most once in 3 s, and not in groups of more than 50 members."
    " Show it for 6 s, or until a message of that user.",
    False,
)
_PING = Told(Ping(), "The stream is alive", "Each stream gets it, every 20 seconds or so.", False)
_BYE = Told(
    Bye("draining"),
    "The server is about to end the stream",
    "The last event of a stream, if it can still be written. Its `retry:` says when to reconnect.",
    False,
)
_ID = {
    "type": "string",
    "pattern": r"^[!-,.-~]+-(0|[1-9][0-9]*)$",
    "description": "The position in your feed after this event.",
}


@cache
def encoded() -> bytes:
    """Returns the description as JSON."""
    return msgspec.json.encode(description())


def events() -> dict[str, Told]:
    """Returns all events by name: those of feeds, `typing`, and those of a stream itself."""
    told = {k.name: Told(k.example, k.summary, k.sent_to, True) for k in KINDS.values()}
    of_streams = {"reset": _RESET, "ping": _PING, "bye": _BYE}
    return {"hello": _HELLO, **told, typing_event.NAME: _TYPING, **of_streams}


def description() -> Json:
    described = events()
    _, schemas = msgspec.json.schema_components(
        [type(told.example) for told in described.values()],
        ref_template="#/components/schemas/{name}",
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Messenger's stream",
            "version": VERSION,
            "description": "Server-Sent Events (WHATWG HTML, section 9.2) at GET /api/messages,"
            " which /api/openapi.json describes. The data of each event is one line of JSON; an"
            " id is `<epoch>-<seq>`, and `seq` counts the events of one user's feed.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "stream": {
                "address": "/api/messages",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in described},
            }
        },
        "operations": {
            "tell": {
                "action": "send",
                "channel": {"$ref": "#/channels/stream"},
                "summary": "Send events to a client",
                "description": "One stream carries all events of one user, in the order of their"
                " feed.",
                "tags": [{"name": "events"}],
            },
        },
        "components": {
            "messages": {name: _message(name, told) for name, told in described.items()},
            "schemas": schemas,
        },
    }


def _json(data: msgspec.Struct) -> Json:
    decoded: Json = msgspec.json.decode(msgspec.json.encode(data))
    return decoded


def _message(name: str, told: Told) -> Json:
    required = [] if name == "hello" or not told.has_id else ["id"]
    headers = {"type": "object", "properties": {"id": _ID}, "required": required}
    return {
        "name": name,
        "title": told.summary,
        "summary": told.summary,
        "description": told.sent_to,
        "tags": [{"name": "durable" if told.has_id and name != "hello" else "transient"}],
        "x-has-id": told.has_id,
        **({"headers": headers} if told.has_id else {}),
        "payload": {"$ref": f"#/components/schemas/{type(told.example).__name__}"},
        "examples": [{"name": name, "payload": _json(told.example)}],
    }
