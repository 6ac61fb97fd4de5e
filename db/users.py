"""Users. User names are compared without regard to case, and shown with the case of the sign-up."""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from db import errors, feed_append
from db.kind import FeedRow, Kind, appends
from db.pool import Database
from db.schema_types import DisplayName, Id, Username
from db.snapshot import NotFound
from db.write_result import Appended, WriteResult

SUGGESTIONS = 5


class User(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A user as all clients see them. Without a display name, people see the user name."""

    id: Id
    username: Username
    avatar_url: str | None = msgspec.field(name="avatarURL")
    display_name: DisplayName | None = None

    @classmethod
    def from_row(cls, row: FeedRow) -> "User":
        """Returns the user with the names and the picture at the time of the event."""
        return cls(**row.payload)

    def seen_by(self, user_id: int) -> "User":
        return self


CHANGED = Kind(
    name="user",
    from_row=User.from_row,
    summary="A name or a picture changed",
    sent_to="The user gets it, and everyone who shares a conversation with them.",
    example=User("7", "jane", None, "Jane Doe"),
)


def _conversations_of(user_ids: str) -> str:
    """Returns SQL for the conversations that show the users: they are or were in them."""
    return f"""
        SELECT conversation_id
        FROM participants
        WHERE user_id IN ({user_ids})
        UNION
        SELECT conversation_id
        FROM former_participants
        WHERE user_id IN ({user_ids})
    """


def lock_contacts(user_ids: str) -> str:
    """Returns SQL that locks the feeds of all who hear of a change of the users.

    `user_ids` is a query. Groups are locked first; see db/feed_append.py.
    """
    return f"""
        SELECT id
        FROM conversations
        WHERE name IS NOT NULL
            AND id = ANY (ARRAY({_conversations_of(user_ids)}))
        ORDER BY id
        FOR NO KEY UPDATE;

        SELECT user_id
        FROM feeds
        WHERE user_id = ANY (ARRAY(
            {user_ids}
            UNION
            SELECT other.user_id
            FROM ({_conversations_of(user_ids)}) shared
            CROSS JOIN LATERAL (
                SELECT user_id
                FROM participants
                WHERE participants.conversation_id = shared.conversation_id
                OFFSET 0
            ) other
        ))
        ORDER BY user_id
        FOR NO KEY UPDATE;
    """


# The events of a CTE `changed` with the columns of users that are shown. The user gets one, and so
# does everyone in a conversation that shows the user.
CHANGED_EVENTS = f"""
    new_events AS (
        SELECT
            1 AS n,
            concerned.user_id,
            '{CHANGED.name}' AS kind,
            NULL::bigint AS conversation_id,
            NULL::bigint AS message_id,
            jsonb_build_object(
                'id', changed.id::text,
                'username', changed.username,
                'avatar_url', changed.avatar_url,
                'display_name', changed.display_name
            ) AS payload
        FROM changed
        CROSS JOIN LATERAL (
            SELECT changed.id AS user_id
            UNION
            SELECT other.user_id
            FROM ({_conversations_of("changed.id")}) shared
            JOIN participants other USING (conversation_id)
        ) concerned
    )
"""


def as_json(user: str) -> str:
    """Returns SQL for a row of users, with this alias, as the JSON of a `User`."""
    return f"""
        jsonb_build_object(
            'id', {user}.id::text,
            'username', {user}.username,
            'avatarURL', {user}.avatar_url,
            'displayName', {user}.display_name
        )
    """


class Renaming(NamedTuple):
    """New names of a user. A name that is not `changes_…` stays."""

    user_id: int
    changes_username: bool
    username: str | None
    changes_display_name: bool
    display_name: str | None


class UsernameTaken(Exception):
    """Another user has that name."""


@appends(CHANGED)
async def rename_all(db: Database, renamings: Sequence[Renaming]) -> list[WriteResult[User]]:
    """Changes names, each in one transaction. Safe to repeat."""
    return [await _rename(db, renaming) for renaming in renamings]


async def _rename(db: Database, renaming: Renaming) -> WriteResult[User]:
    """Refusals are `NotFound` and `UsernameTaken`."""
    shown = renaming.display_name if renaming.changes_display_name else None
    try:
        rows = await db.rows(
            f"""
            {lock_contacts("SELECT %(user_id)s::bigint")}

            WITH wanted AS (
                SELECT
                    id,
                    CASE WHEN %(changes_username)s THEN %(username)s::text ELSE username END
                        AS username,
                    avatar_url,
                    CASE
                        WHEN %(changes_display_name)s THEN %(display_name)s::text
                        ELSE display_name
                    END AS display_name
                FROM users
                WHERE id = %(user_id)s
            ),
            changed AS (
                UPDATE users
                SET username = wanted.username, display_name = wanted.display_name
                FROM wanted
                WHERE users.id = wanted.id
                    AND (users.username, users.display_name)
                        IS DISTINCT FROM (wanted.username, wanted.display_name)
                RETURNING users.id, users.username, users.avatar_url, users.display_name
            ),
            forgotten AS (
                DELETE FROM name_words
                USING changed
                WHERE %(changes_display_name)s
                    AND name_words.user_id = changed.id
                    AND name_words.words <> ALL (%(words)s::text[])
            ),
            remembered AS (
                INSERT INTO name_words (user_id, words)
                SELECT changed.id, words
                FROM changed, unnest(%(words)s::text[]) AS words
                ON CONFLICT DO NOTHING
            ),
            {CHANGED_EVENTS},
            {feed_append.APPEND}
            SELECT
                wanted.id::text,
                wanted.username,
                wanted.avatar_url,
                wanted.display_name,
                meta.epoch,
                recipients.user_ids,
                recipients.seqs
            FROM wanted
            JOIN meta ON meta.only_row
            LEFT JOIN recipients ON true
            """,
            {**renaming._asdict(), "words": words_of(shown or "")},
            twice=False,  # as in `messages.store`
        )
    except errors.Duplicate:
        return WriteResult(UsernameTaken())
    if not rows:
        return WriteResult(NotFound())
    ((*shown_columns, epoch, user_ids, seqs),) = rows
    user = User(*shown_columns)
    if user_ids is None:
        return WriteResult(user)
    return WriteResult(user, [Appended(CHANGED, user, epoch, user_ids, seqs)])


def folded(text: str) -> str:
    """Returns the text without case, width and accents, and with single spaces."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(letters.split())


def words_of(name: str) -> list[str]:
    """Returns the rest of a name from each of its words on, so that a prefix finds each of them."""
    text = folded(name)
    return sorted({text[found.start() :] for found in re.finditer(r"\w+", text)})


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

        SELECT id::text, username, avatar_url, display_name
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
        SELECT id::text, username, avatar_url, display_name
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


async def search(db: Database, user_id: int, prefix: str) -> list[User]:
    """Returns up to `SUGGESTIONS` users, sorted by user name, without the user.

    Their user name, or a word of their display name, begins with `prefix`, a `folded` text.
    """
    rows = await db.rows(
        """
        SELECT id::text, username, avatar_url, display_name
        FROM users
        WHERE id IN (
            (
                SELECT id
                FROM users
                WHERE lower(username) COLLATE "C" >= %(prefix)s
                    AND lower(username) COLLATE "C" < %(prefix)s || chr(127)
                ORDER BY lower(username) COLLATE "C"
                LIMIT %(limit)s + 1
            )
            UNION ALL
            (
                SELECT user_id
                FROM name_words
                WHERE words COLLATE "C" >= %(prefix)s
                    AND words COLLATE "C" < %(prefix)s || chr(1114111)
                ORDER BY words COLLATE "C", user_id
                LIMIT 4 * %(limit)s
            )
        )
            AND id <> %(user_id)s
        ORDER BY lower(username) COLLATE "C"
        LIMIT %(limit)s
        """,
        {"user_id": user_id, "prefix": prefix, "limit": SUGGESTIONS},
    )
    return [User(*row) for row in rows]
