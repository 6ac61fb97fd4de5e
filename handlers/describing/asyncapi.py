"""The description of the stream's events: AsyncAPI 3, made of the types that they carry."""

from functools import cache
from typing import Any, NamedTuple

import msgspec

from bus import event
from db.conversations import Conversation
from db.messages import Message
from db.reads import Read
from db.users import User
from handlers.describing import examples

VERSION = "1"  # of the API

Json = dict[str, Any]


class Told(NamedTuple):
    """An event of the stream, by the type of its data."""

    kind: type
    summary: str
    sent_to: str
    has_id: bool  # it is durable: counted in the feed, and sent again to a client that missed it


EVENTS = {  # by name; an event without one is a `message`
    "hello": Told(
        event.Hello,
        "The stream is open",
        "Comes first on each stream. Its id is the position that the stream starts from. It has"
        " no id where a `reset` follows. A `ping` comes every `heartbeatSeconds`.",
        True,
    ),
    "message": Told(
        Message, "A message", "Every participant gets it, and so do the sender's other tabs.", True
    ),
    "conversation": Told(
        Conversation, "A new conversation", "Both participants get it, as it was created.", True
    ),
    "user": Told(
        User,
        "A name or a picture changed",
        "The user gets it, and everyone who shares a conversation with them.",
        True,
    ),
    "read": Told(
        Read,
        "A read marker moved",
        "Every participant gets it. `unreadCount` is in the reader's own copy alone.",
        True,
    ),
    "reset": Told(
        event.Reset,
        "The stream cannot resume",
        "Follows `hello` where events were missed for good: fetch the snapshots again. Its id is"
        " the feed's newest position.",
        True,
    ),
    "ping": Told(
        event.Ping, "The stream is alive", "Each stream gets it, every 20 seconds or so.", False
    ),
    "bye": Told(
        event.Bye,
        "The server is about to end the stream",
        "Comes last, where the stream can still be written to. Its `retry:` says when to return.",
        False,
    ),
}
_ID = {
    "type": "string",
    "pattern": r"^[!-,.-~]+-(0|[1-9][0-9]*)$",
    "description": "The position in your feed after this event.",
}


@cache
def encoded() -> bytes:
    """The description as JSON."""
    return msgspec.json.encode(description())


def description() -> Json:
    _, schemas = msgspec.json.schema_components(
        [told.kind for told in EVENTS.values()], ref_template="#/components/schemas/{name}"
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
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in EVENTS},
            }
        },
        "operations": {
            "tell": {
                "action": "send",
                "channel": {"$ref": "#/channels/stream"},
                "summary": "Tell a client what happens",
                "description": "One stream carries all events of one user, in the order of their"
                " feed.",
                "tags": [{"name": "events"}],
            },
        },
        "components": {
            "messages": {name: _message(name, told) for name, told in EVENTS.items()},
            "schemas": schemas,
        },
    }


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
        "payload": {"$ref": f"#/components/schemas/{told.kind.__name__}"},
        "examples": [{"name": name, "payload": examples.example(told.kind)}],
    }
