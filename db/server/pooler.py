"""Notices a transaction pooler in front of PostgreSQL, where LISTEN and locks are lost."""

from db import connection, errors
from db.connection import Connection

SECONDS = 2.0
_BACKEND = "VALUES (pg_backend_pid())"  # not prepared: a pooler would mix up the names


async def refuse(dsn: str, conn: Connection) -> None:
    """Raises `errors.Refused` if another connection gets the session that `conn` has.

    A pooler gives the session of an idle client to the next one. PostgreSQL itself never does.
    """
    own = await conn.rows(_BACKEND, {}, SECONDS)
    other = await connection.connect(dsn, SECONDS)
    try:
        if await other.rows(_BACKEND, {}, SECONDS) == own:
            raise errors.Refused(
                "the server needs a direct connection to PostgreSQL: this one leads through a"
                " transaction pooler, which loses locks and notifications"
            )
    finally:
        other.close()
