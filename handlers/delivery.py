"""Turns facts of a feed into events on the bus. Only this module imports both."""

from collections.abc import Callable

import msgspec

from bus import event
from bus.bus import Bus
from bus.event import Frame
from db.feed import Event
from db.write_result import Appended


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


def encoded(fact: Event) -> Frame:
    """Encodes an event for a replay."""
    assert fact.kind is not None
    return event.numbered(f"{fact.epoch}-{fact.seq}", event.body(fact.data, fact.kind))
