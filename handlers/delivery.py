"""From facts in a feed to events on the bus: the one place that knows both."""

from collections.abc import Callable, Sequence

from bus import event
from bus.bus import Bus
from bus.event import Frame
from db.conversations import Conversation
from db.feed import Event
from db.messages import Message
from db.reads import Read
from db.users import User

NAMES: dict[type, str | None] = {
    Message: None,
    Conversation: "conversation",
    Read: "read",
    User: "user",
}


def publisher(bus: Bus) -> Callable[[Sequence[Event]], None]:
    """Returns what the sender calls after each commit, in the order of commits."""

    def publish(events: Sequence[Event]) -> None:
        shown, body = None, b""
        for fact in events:
            if bus.count_of(fact.user_id):
                if fact.data != shown:  # neighbours that see the same share it
                    shown, body = fact.data, _body(fact)
                bus.publish(fact.user_id, fact.seq, event.numbered(_event_id(fact), body))

    return publish


def encoded(fact: Event) -> Frame:
    """The event as its user's streams carry it, live or replayed."""
    return event.numbered(_event_id(fact), _body(fact))


def _body(fact: Event) -> bytes:
    return event.body(fact.data, NAMES[type(fact.data)])


def _event_id(fact: Event) -> str:
    return f"{fact.epoch}-{fact.seq}"
