"""Users that sign in with GitHub. GitHub's number is the key of an account, never its name.

The first sign-in creates the user. A later one copies a new name or picture, and sends an event to
all users with a shared conversation.
"""

from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import NamedTuple

from db import errors, feed_append
from db.kind import appends
from db.pool import Database
from db.users import CHANGED, CHANGED_EVENTS, User, lock_contacts
from db.write_result import Appended, WriteResult

LONGEST_NAME = 39  # the limit of the table
FIRST_NAMES = 16  # names in the first statement; each further statement tries twice as many


class Picture(NamedTuple):
    """A picture. `path` has a hash of the content, and is the path on this server."""

    path: str
    media_type: str
    content: bytes


class Account(NamedTuple):
    """The account in GitHub's current answer."""

    provider: str
    id: int
    name: str  # a valid user name
    picture: Picture | None
    keeps_picture: bool  # True: the picture could not be fetched, and the old one stays


class Known(NamedTuple):
    """A user from an earlier sign-in."""

    user: User
    name: str  # GitHub's name at that time

    def agrees_with(self, account: Account) -> bool:
        """Whether name and picture are unchanged."""
        path = account.picture.path if account.picture else None
        return self.name == account.name and (account.keeps_picture or path == self.user.avatar_url)


class SignedIn(NamedTuple):
    """The user after the sign-in."""

    user: User


async def known(db: Database, provider: str, github_id: int) -> Known | None:
    """Returns the user of a GitHub account, or None before the first sign-in."""
    row = await db.row(
        """
        SELECT
            users.id::text,
            users.username,
            users.avatar_url,
            users.display_name,
            github_accounts.name
        FROM github_accounts
        JOIN users ON users.id = github_accounts.user_id
        WHERE github_accounts.provider = %(provider)s
            AND github_accounts.id = %(github_id)s
        """,
        {"provider": provider, "github_id": github_id},
    )
    return None if row is None else Known(User(*row[:4]), row[4])


@appends(CHANGED)
async def sign_in_all(db: Database, accounts: Sequence[Account]) -> list[WriteResult[SignedIn]]:
    """Signs in accounts one at a time, each in one transaction. Safe to repeat."""
    return [await _sign_in(db, account) for account in accounts]


async def _sign_in(db: Database, account: Account) -> WriteResult[SignedIn]:
    """Signs in one account. A new user gets the first free name."""
    tried = FIRST_NAMES
    while True:
        try:
            outcome = await _signed_in(db, account, list(islice(_names(account.name), tried)))
        except errors.Duplicate:
            continue  # another sign-in has just taken that name, or created the same user
        if outcome is not None:
            return outcome
        tried *= 2


def _names(name: str) -> Iterator[str]:
    """Yields the name, and then the name with -2, -3, …, cut to the longest length."""
    yield name
    for number in count(2):
        suffix = f"-{number}"
        yield name[: LONGEST_NAME - len(suffix)].rstrip("-") + suffix


_USER = """
    SELECT user_id
    FROM github_accounts
    WHERE provider = %(provider)s
        AND id = %(github_id)s
"""


async def _signed_in(
    db: Database, account: Account, names: list[str]
) -> WriteResult[SignedIn] | None:
    """Signs in with the first free name. None if all are taken. Raises `errors.Duplicate`."""
    picture = account.picture
    rows = await db.rows(
        f"""
        {lock_contacts(_USER)}

        WITH account AS (
            SELECT user_id, name
            FROM github_accounts
            WHERE provider = %(provider)s
                AND id = %(github_id)s
        ),
        free AS (
            SELECT wanted.name
            FROM unnest(%(names)s::text[]) WITH ORDINALITY AS wanted (name, n)
            LEFT JOIN users holder
                ON lower(holder.username) COLLATE "C" = lower(wanted.name)
            LEFT JOIN account ON account.user_id = holder.id
            WHERE holder.id IS NULL
                OR account.user_id IS NOT NULL
            ORDER BY wanted.n
            LIMIT 1
        ),
        made AS (
            INSERT INTO users (username, avatar_url)
            SELECT name, %(path)s::text
            FROM free
            WHERE NOT EXISTS (SELECT FROM account)
            RETURNING id, username, avatar_url, display_name
        ),
        fed AS (
            INSERT INTO feeds (user_id)
            SELECT id
            FROM made
        ),
        linked AS (
            INSERT INTO github_accounts (provider, id, user_id, name)
            SELECT %(provider)s::text, %(github_id)s::bigint, id, %(name)s::text
            FROM made
        ),
        wanted AS (
            SELECT
                users.id,
                CASE WHEN account.name = %(name)s THEN users.username ELSE free.name END
                    AS username,
                CASE WHEN %(keeps_picture)s THEN users.avatar_url ELSE %(path)s END AS avatar_url,
                users.display_name
            FROM account
            JOIN users ON users.id = account.user_id
            JOIN free ON true
        ),
        followed AS (
            UPDATE github_accounts
            SET name = %(name)s
            FROM wanted
            WHERE github_accounts.user_id = wanted.id
                AND github_accounts.name <> %(name)s
        ),
        changed AS (
            UPDATE users
            SET username = wanted.username, avatar_url = wanted.avatar_url
            FROM wanted
            WHERE users.id = wanted.id
                AND (users.username, users.avatar_url)
                    IS DISTINCT FROM (wanted.username, wanted.avatar_url)
            RETURNING users.id, users.username, users.avatar_url, users.display_name
        ),
        person AS (
            SELECT id, username, avatar_url, display_name
            FROM made
            UNION ALL
            SELECT id, username, avatar_url, display_name
            FROM wanted
        ),
        pictured AS (
            INSERT INTO avatars (user_id, path, media_type, content)
            SELECT id, %(path)s, %(media_type)s::text, %(content)s::bytea
            FROM person
            WHERE %(content)s IS NOT NULL
            ON CONFLICT (user_id) DO UPDATE
            SET path = EXCLUDED.path,
                media_type = EXCLUDED.media_type,
                content = EXCLUDED.content
            WHERE avatars.path <> EXCLUDED.path
        ),
        unpictured AS (
            DELETE FROM avatars
            USING wanted
            WHERE avatars.user_id = wanted.id
                AND wanted.avatar_url IS NULL
        ),
        {CHANGED_EVENTS},
        {feed_append.APPEND}
        SELECT
            person.id::text,
            person.username,
            person.avatar_url,
            person.display_name,
            meta.epoch,
            recipients.user_ids,
            recipients.seqs
        FROM person
        JOIN meta ON meta.only_row
        LEFT JOIN recipients ON true
        """,
        {
            "provider": account.provider,
            "github_id": account.id,
            "name": account.name,
            "names": names,
            "path": picture.path if picture else None,
            "media_type": picture.media_type if picture else None,
            "content": picture.content if picture else None,
            "keeps_picture": account.keeps_picture,
        },
        twice=False,  # as in `messages.store`
    )
    if not rows:
        return None
    ((*person, epoch, user_ids, seqs),) = rows
    user = User(*person)
    if user_ids is None:
        return WriteResult(SignedIn(user))
    return WriteResult(SignedIn(user), [Appended(CHANGED, user, epoch, user_ids, seqs)])
