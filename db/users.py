"""Users. Names are compared without regard to case, and shown with the case of the sign-up."""

import msgspec

from db.kind import FeedRow, Kind
from db.pool import Database
from db.schema_types import Id, Username
from db.snapshot import NotFound

SUGGESTIONS = 5


class User(msgspec.Struct, frozen=True, rename="camel"):
    """A user as all clients see them."""

    id: Id
    username: Username
    avatar_url: str | None = msgspec.field(name="avatarURL")

    @classmethod
    def from_row(cls, row: FeedRow) -> "User":
        """Returns the user with the name and picture at the time of the event."""
        return cls(**row.payload)

    def seen_by(self, user_id: int) -> "User":
        return self


CHANGED = Kind(
    name="user",
    from_row=User.from_row,
    summary="A name or a picture changed",
    sent_to="The user gets it, and everyone who shares a conversation with them.",
    example=User("7", "jane", None),
)


async def sign_in(db: Database, username: str) -> User:
    """Returns the user of that name. Creates the user with an empty feed at the first sign-in."""
    # Two statements: the snapshot of the second also has a user from a simultaneous sign-in.
    row = await db.row(
        """
        WITH made AS (
            INSERT INTO users (username)
            SELECT %(username)s
            WHERE NOT EXISTS (
                SELECT
                FROM users
                WHERE lower(username) COLLATE "C" = lower(%(username)s)
            )
            ON CONFLICT (lower(username) COLLATE "C") DO NOTHING
            RETURNING id
        )
        INSERT INTO feeds (user_id)
        SELECT id
        FROM made;

        SELECT id::text, username, avatar_url
        FROM users
        WHERE lower(username) COLLATE "C" = lower(%(username)s);
        """,
        {"username": username},
    )
    assert row is not None
    return User(*row)


async def one(db: Database, user_id: int) -> User:
    """Returns a user. Raises `NotFound`."""
    row = await db.row(
        """
        SELECT id::text, username, avatar_url
        FROM users
        WHERE id = %(user_id)s
        """,
        {"user_id": user_id},
    )
    if row is None:
        raise NotFound
    return User(*row)


async def usernames(db: Database, user_id: int, prefix: str) -> list[str]:
    """Returns up to `SUGGESTIONS` names that begin with `prefix`, sorted, without the user's."""
    rows = await db.rows(
        """
        SELECT username
        FROM users
        WHERE lower(username) COLLATE "C" >= lower(%(prefix)s)
            AND lower(username) COLLATE "C" < lower(%(prefix)s) || chr(127)
            AND id <> %(user_id)s
        ORDER BY lower(username) COLLATE "C"
        LIMIT %(limit)s
        """,
        {"user_id": user_id, "prefix": prefix, "limit": SUGGESTIONS},
    )
    return [username for (username,) in rows]
