"""The description of the stream's events: AsyncAPI 3, made of the types that they carry."""

from typing import Any, NamedTuple

import msgspec

from bus import event
from db.conversations import Conversation
from db.messages import Message
from db.reads import Read
from db.users import User

VERSION = "1"  # of the API

Json = dict[str, Any]


class Told(NamedTuple):
    """An event of the stream, by the type of its data."""

    kind: type
    sent_to: str
    has_id: bool  # it is durable: counted in the feed, and sent again to who missed it


EVENTS = {  # by name; an event without one is a `message`
    "hello": Told(event.Hello, "Each stream, first; its id is where the stream starts.", True),
    "message": Told(Message, "Every participant.", True),
    "conversation": Told(Conversation, "Both participants, as it was created.", True),
    "user": Told(User, "Who shares a conversation with them, and they themselves.", True),
    "read": Told(Read, "Every participant; the count goes to the reader alone.", True),
    "reset": Told(event.Reset, "A stream that cannot resume; its id is where it goes on.", True),
    "ping": Told(event.Ping, "Each stream, every 20 seconds or so.", False),
    "bye": Told(event.Bye, "A stream that the server is about to end.", False),
}


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
            "tell": {"action": "send", "channel": {"$ref": "#/channels/stream"}},
        },
        "components": {
            "messages": {name: _message(name, told) for name, told in EVENTS.items()},
            "schemas": schemas,
        },
    }


def _message(name: str, told: Told) -> Json:
    return {
        "name": name,
        "summary": (told.kind.__doc__ or "").partition("\n")[0],
        "description": told.sent_to,
        "x-has-id": told.has_id,
        "payload": {"$ref": f"#/components/schemas/{told.kind.__name__}"},
    }
