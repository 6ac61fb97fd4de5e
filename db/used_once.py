"""Remembers what may be used only once, for all servers of a database."""

import hashlib

from db.pool import Database

EXPIRED_AT_ONCE = 100  # rows that one use deletes


async def use(db: Database, secret: str, seconds: float) -> bool:
    """Returns whether this is the first use of `secret`, which is invalid after `seconds`.

    Raises `errors.DatabaseError`.
    """
    # Not repeated: a repeat would find its own row.
    rows = await db.rows(
        """
        WITH expired AS (
            DELETE FROM used_once
            WHERE digest IN (
                SELECT digest
                FROM used_once
                WHERE expires_at < now()
                ORDER BY expires_at
                LIMIT %(at_once)s
                FOR UPDATE SKIP LOCKED
            )
        )
        INSERT INTO used_once (digest, expires_at)
        VALUES (%(digest)s::bytea, now() + make_interval(secs => %(seconds)s))
        ON CONFLICT (digest) DO NOTHING
        RETURNING true
        """,
        {
            "digest": hashlib.sha256(secret.encode()).digest(),
            "seconds": seconds,
            "at_once": EXPIRED_AT_ONCE,
        },
        twice=False,
    )
    return bool(rows)
