"""The servers that share a database: this one's row, its advisory lock, and what it hears.

All of it lives on the connection that holds the right to serve. When that breaks, the row goes, and
nothing is heard; a new connection makes a new row.
"""

import contextlib
import secrets
from typing import NamedTuple, Protocol

from db import errors
from db.connection import Connection
from db.server import contact, notifier

SECONDS = 2.0  # time-out of each statement
LOCK_CLASS = 0x4D455353  # "MESS": the first key of the advisory lock of each server
HUNG_SECONDS = 30  # a connection that does not read for longer would fill PostgreSQL's queue
SESSIONS_CHANNEL = "messenger_sessions"

_JOIN = """
    INSERT INTO servers (start, version, kinds, secret, settings)
    VALUES (%(start)s, %(version)s, %(kinds)s::text[], %(secret)s, %(settings)s)
    RETURNING id, pg_advisory_lock(%(lock_class)s::integer, id)
"""

# A row whose lock is free belongs to a server that has gone.
_LOOK = """
    WITH seen AS (
        UPDATE servers
        SET seen_at = clock_timestamp()
        WHERE id = %(id)s
            AND seen_at < clock_timestamp() - interval '5 seconds'
    ),
    gone AS (
        DELETE FROM servers
        WHERE id <> %(id)s
            AND pg_try_advisory_xact_lock(%(lock_class)s::integer, id)
        RETURNING id
    ),
    hung AS (
        SELECT pg_terminate_backend(pg_locks.pid)
        FROM servers
        JOIN pg_locks
            ON pg_locks.locktype = 'advisory'
            AND pg_locks.database = (
                SELECT oid FROM pg_database WHERE datname = current_database()
            )
            AND pg_locks.classid::bigint = %(lock_class)s
            AND pg_locks.objid::bigint = servers.id
            AND pg_locks.granted
            AND pg_locks.pid = servers.pid
        WHERE servers.id <> %(id)s
            AND servers.seen_at < clock_timestamp() - make_interval(secs => %(hung_seconds)s)
    )
    SELECT id, start, version, kinds, secret, settings
    FROM servers
    WHERE id NOT IN (SELECT id FROM gone)
        AND (SELECT count(*) FROM hung) >= 0
    ORDER BY id
"""


class Member(NamedTuple):
    """A server that runs on this database."""

    id: int
    start: str
    version: str
    kinds: list[str]
    secret: str
    settings: str


class Own(NamedTuple):
    """What this server tells of itself. Digests of the secret and the settings are compared."""

    version: str
    kinds: list[str]
    secret: str
    settings: str


class Listener(Protocol):
    """Is told of the other servers. None of its methods blocks."""

    def joined(self, server: int, start: str) -> None:
        """This server has a new row, and hears everything from now on."""

    def cut_off(self) -> None:
        """The connection broke: nothing is heard until the next `joined`."""

    def looked(self, asked_at: float, running: list[Member]) -> None:
        """The database has answered."""

    def heard(self, data: bytes) -> None:
        """A message of the relay."""

    def sessions_ended(self, ended: list[tuple[int, int]]) -> None:
        """Sessions have ended, on any server. Each has its user's id and its own."""


class Membership:
    """Keeps the row of this server, and passes on what the connection hears."""

    def __init__(self, own: Own) -> None:
        self._own = own
        self._listener: Listener | None = None
        self._id = 0
        self._start = ""
        self._asked_at = 0.0
        self._found: list[Member] = []

    def attach(self, listener: Listener) -> None:
        """Tells this listener from now on. Call it once, when this server has joined."""
        self._listener = listener
        listener.joined(self._id, self._start)
        listener.looked(self._asked_at, self._found)

    async def join(self, conn: Connection) -> None:
        """Listens, and makes a row. Raises `errors.DatabaseError`."""
        conn.on_notify = self._notified
        for channel in (SESSIONS_CHANNEL, notifier.CHANNEL):
            await conn.rows(f"LISTEN {channel}", {}, SECONDS)
        start = secrets.token_hex(4)
        rows = await conn.rows(
            _JOIN, {**self._own._asdict(), "start": start, "lock_class": LOCK_CLASS}, SECONDS
        )
        self._id, self._start = rows[0][0], start
        if self._listener is not None:
            self._listener.joined(self._id, start)

    async def running(self, conn: Connection) -> list[Member]:
        """Returns the servers that run, this one included, and deletes the rows of others.

        Raises `errors.DatabaseError`.
        """
        asked_at = contact.awake()
        rows = await conn.rows(
            _LOOK,
            {"id": self._id, "lock_class": LOCK_CLASS, "hung_seconds": HUNG_SECONDS},
            SECONDS,
        )
        self._asked_at, self._found = asked_at, [Member(*row) for row in rows]
        if self._id not in {member.id for member in self._found}:
            raise errors.Unavailable("the row of this server is gone")
        if self._listener is not None:
            self._listener.looked(asked_at, self._found)
        return self._found

    def cut_off(self) -> None:
        if self._listener is not None:
            self._listener.cut_off()

    async def leave(self, conn: Connection) -> None:
        """Deletes the row, so that the others need not look for this server."""
        with contextlib.suppress(errors.DatabaseError, errors.Unexpected):
            await conn.rows("DELETE FROM servers WHERE id = %(id)s", {"id": self._id}, SECONDS)

    def _notified(self, channel: str, payload: str) -> None:
        if self._listener is None:
            return
        if channel == notifier.CHANNEL:
            self._listener.heard(payload.encode())
        else:
            pairs = [pair.partition(":") for pair in payload.split(",")]
            self._listener.sessions_ended([(int(user), int(own)) for user, _, own in pairs])
