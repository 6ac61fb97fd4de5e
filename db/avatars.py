"""Reads the pictures of users, by paths with a hash of the content."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from db.batch_loader import BatchLoader
from db.pool import Database
from db.snapshot import NotFound

LARGEST_BATCH = 16  # pictures of 256 KB read in one statement


class Avatar(NamedTuple):
    media_type: str
    content: bytes


class Avatars:
    """Reads pictures in batches, so that thousands of requests use one connection of the pool."""

    def __init__(self, db: Database) -> None:
        self._loader = BatchLoader[str, Avatar | None](partial(_found, db), LARGEST_BATCH)

    async def one(self, path: str) -> Avatar:
        """Raises `NotFound` if no user has that picture, and `errors.DatabaseError`."""
        avatar = await self._loader.load(path)
        if avatar is None:
            raise NotFound
        return avatar


async def _found(db: Database, paths: Sequence[str]) -> list[Avatar | None]:
    """Returns one picture or None for each path, in the same order. Paths may repeat."""
    rows = await db.rows(
        """
        SELECT found.media_type, found.content
        FROM unnest(%(paths)s::text[]) WITH ORDINALITY AS wanted (path, n)
        LEFT JOIN LATERAL (
            SELECT media_type, content
            FROM avatars
            WHERE avatars.path = wanted.path
            LIMIT 1
        ) found ON true
        ORDER BY wanted.n
        """,
        {"paths": list(paths)},
    )
    return [None if media_type is None else Avatar(media_type, bytes(c)) for media_type, c in rows]
