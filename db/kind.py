"""What a kind of event is: how a feed names it, how a row is read, and what the API says of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec


class FeedRow(NamedTuple):
    """A row of a feed, and the message that it refers to, unless that is deleted."""

    conversation_id: Any  # text; None where the event is of no conversation
    message_id: str | None
    author_id: str
    content: str
    created_at: str
    client_id: str | None  # None where the server made it
    payload: Any  # the JSON that the kind's write function has stored


class Fact(Protocol):
    """What an event tells."""

    def seen_by(self, user_id: int) -> msgspec.Struct:
        """As that user may see it: a frozen struct, equal for all who see the same."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event. Its payload is the same for a live event and for one that is replayed."""

    name: str  # in the feed and on the wire, where a `message` has none
    from_row: Callable[[FeedRow], Fact | None]  # None: there is nothing to show any more
    summary: str
    sent_to: str
    example: msgspec.Struct  # of what a user sees, and of its type
