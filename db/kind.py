"""The kinds of events: each has a name, reads its rows, and describes itself for the API."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec


class FeedRow(NamedTuple):
    """A row of a feed, with the message that it refers to, if that still exists."""

    conversation_id: Any  # text; None for an event without a conversation
    payload: Any  # the JSON that the write function has stored
    message: Sequence[Any] | None  # for `Message.of`


class Fact(Protocol):
    """The data of an event, before it is adapted to a viewer."""

    def seen_by(self, user_id: int) -> msgspec.Struct:
        """Returns what that user may see: a frozen struct, equal for users with the same view."""


Function = TypeVar("Function", bound=Callable[..., Any])


def appends(*kinds: "Kind", reaches_all: bool = True) -> Callable[[Function], Function]:
    """Declares the kinds of events that a write function appends; see `kinds_of`.

    `reaches_all`: each write appends an event to the feed of every participant.
    """

    def declare(function: Function) -> Function:
        function.appends = kinds  # type: ignore[attr-defined]
        function.reaches_all = reaches_all  # type: ignore[attr-defined]
        return function

    return declare


def kinds_of(function: Callable[..., Any]) -> "tuple[Kind, ...]":
    kinds: tuple[Kind, ...] = getattr(function, "appends", ())
    return kinds


def reaches_all(function: Callable[..., Any]) -> bool:
    found: bool = getattr(function, "reaches_all", True)
    return found


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event. Live and replayed events of a kind have the same data."""

    name: str  # in the feed and on the stream, where a `message` event is unnamed
    from_row: Callable[[FeedRow], Fact | None]  # returns None if the fact was deleted
    summary: str
    sent_to: str
    example: msgspec.Struct  # of the data that a user sees; its type gives the schema
