"""A user's feed, as a stream would read it."""

from db import feed
from db.feed import After, Event
from db.pool import Database


async def page(db: Database, user_id: int, after: int, limit: int) -> list[Event]:
    """Up to `limit` events beyond `after`."""
    (events,) = await feed.pages(db, [After(user_id, after)], limit)
    return events
