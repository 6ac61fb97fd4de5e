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
    """What the sender calls after each commit, in the order of commits."""

    def publish(events: Sequence[Event]) -> None:
        for fact in events:
            if bus.count_of(fact.user_id):
                bus.publish(fact.user_id, fact.seq, encoded(fact))

    return publish


def encoded(fact: Event) -> Frame:
    """The event as its user's streams carry it, live or replayed."""
    return event.frame(fact.data, name=NAMES[type(fact.data)], event_id=f"{fact.epoch}-{fact.seq}")
