"""The pictures of users, by the path that names their content."""

from typing import NamedTuple

from db.pool import Database
from db.snapshot import NotFound


class Avatar(NamedTuple):
    media_type: str
    content: bytes


async def one(db: Database, path: str) -> Avatar:
    """Raises `NotFound` where nobody has that picture any more."""
    row = await db.row(
        """
        SELECT media_type, content
        FROM avatars
        WHERE path = %(path)s
        LIMIT 1
        """,
        {"path": path},
    )
    if row is None:
        raise NotFound
    return Avatar(row[0], bytes(row[1]))
