"""The relay over PostgreSQL's NOTIFY, which every connection that listens receives."""

import contextlib
from collections.abc import Sequence

from db import connection, errors
from db.connection import Connection

CHANNEL = "messenger_relay"
LARGEST_MESSAGE = 7900  # bytes; NOTIFY takes fewer than 8,000
SECONDS = 2.0  # for connecting, and for each statement


class Notifier:
    """Sends on a connection of its own, which it opens when needed.

    The statement is no part of a transaction that stores something: NOTIFY locks the whole database
    until its transaction has ended. Without `synchronous_commit`, that takes no flush of the disk.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._conn: Connection | None = None

    async def send(self, messages: Sequence[str]) -> None:
        """Raises `errors.DatabaseError`."""
        try:
            if self._conn is None or not self._conn.usable:
                self.close()
                self._conn = await connection.connect(self._dsn, SECONDS)
                await self._conn.rows("SET synchronous_commit = off", {}, SECONDS)
            await self._conn.rows(
                f"SELECT pg_notify('{CHANNEL}', told) FROM unnest(%(messages)s::text[]) AS told",
                {"messages": list(messages)},
                SECONDS,
            )
        except (errors.DatabaseError, errors.Unexpected):
            self.close()
            raise

    def close(self) -> None:
        if self._conn is not None:
            with contextlib.suppress(Exception):
                self._conn.close()
        self._conn = None
