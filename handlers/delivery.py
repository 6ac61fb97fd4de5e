"""Turns facts of a feed into events on the bus. Only this module imports both."""

from collections.abc import Callable, Sequence

import msgspec

from bus import event
from bus.bus import UNNUMBERED, Bus
from bus.event import Frame
from db.feed import Event
from db.write_result import Appended

PublishTransient = Callable[[Sequence[int], msgspec.Struct, str], None]


def publisher(bus: Bus) -> Callable[[Appended], None]:
    """Returns the function that the writer calls after each commit, in commit order."""

    def publish(appended: Appended) -> None:
        kind, fact, epoch, user_ids, seqs = appended
        bodies: dict[msgspec.Struct, bytes] = {}  # users with the same view share one
        for user_id, seq in zip(user_ids, seqs, strict=True):
            if bus.count_of(user_id):
                seen = fact.seen_by(user_id)
                if (body := bodies.get(seen)) is None:
                    body = bodies[seen] = event.body(seen, kind.name)
                bus.publish(user_id, seq, event.numbered(f"{epoch}-{seq}", body))

    return publish


def transient_publisher(bus: Bus) -> PublishTransient:
    """Returns the function that tells users of an event that is in no feed, by its name."""

    def publish(user_ids: Sequence[int], data: msgspec.Struct, name: str) -> None:
        frame = event.unnumbered(event.body(data, name))
        for user_id in user_ids:
            bus.publish(user_id, UNNUMBERED, frame)

    return publish


def encoded(fact: Event) -> Frame:
    """Encodes an event for a replay."""
    assert fact.kind is not None
    return event.numbered(f"{fact.epoch}-{fact.seq}", event.body(fact.data, fact.kind))
