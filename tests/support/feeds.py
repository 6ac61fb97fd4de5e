"""A user's feed as a stream reads it, and a database that counts its round trips."""

from collections.abc import Callable, Mapping
from typing import Any

from db import errors, feed
from db.connection import Row
from db.feed import After, Event
from db.pool import Database
from db.write_result import Appended


class Counting(Database):
    """A database that counts its round trips, and can lose an answer."""

    asked = 0
    answered: list[Row]  # the last time
    loses_next = False

    async def rows(
        self, sql: str, params: Mapping[str, Any] | None = None, *, twice: bool = True
    ) -> list[Row]:
        self.asked += 1
        self.answered = rows = await super().rows(sql, params, twice=twice)
        if self.loses_next:
            self.loses_next = False
            raise errors.Unavailable("the answer was lost, after the commit")
        return rows


async def page(db: Database, user_id: int, after: int, limit: int) -> list[Event]:
    """Returns up to `limit` events after `after`."""
    (events,) = await feed.pages(db, [After(user_id, after)], limit)
    return events


def told_to(told: list[Event]) -> Callable[[Appended], None]:
    """Returns a publisher: it calls `told` with each recipient's event, as they see it."""

    def publish(appended: Appended) -> None:
        kind, fact, epoch, user_ids, seqs = appended
        told.extend(
            Event(user_id, epoch, seq, kind.name, fact.seen_by(user_id))
            for user_id, seq in zip(user_ids, seqs, strict=True)
        )

    return publish
