"""Which database this is: after a fail-over or a restore it may be another than clients know."""

import secrets
from typing import NamedTuple

from db import errors
from db.connection import Connection

SECONDS = 5.0  # for a look at it


class Identity(NamedTuple):
    """Where one of these differs, what clients know may never have happened here."""

    system_identifier: str
    timeline: int
    database_oid: int
    epoch: str


# The timeline from the name of the WAL file: what `pg_control_checkpoint` tells is that of the
# last checkpoint, which is late after a promotion.
_HERE = """
    SELECT
        pg_control_system.system_identifier::text AS system_identifier,
        ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer AS timeline,
        pg_database.oid AS database_oid
    FROM pg_control_system(), pg_database
    WHERE pg_database.datname = current_database()
"""

READ = f"""
    SELECT here.system_identifier, here.timeline, here.database_oid, meta.epoch
    FROM ({_HERE}) here
    JOIN meta ON meta.only_row
"""

SETTLE = f"""
    INSERT INTO meta (epoch, system_identifier, timeline, database_oid)
    SELECT %(epoch)s, here.system_identifier, here.timeline, here.database_oid
    FROM ({_HERE}) here
    ON CONFLICT (only_row) DO UPDATE
    SET epoch = EXCLUDED.epoch,
        system_identifier = EXCLUDED.system_identifier,
        timeline = EXCLUDED.timeline,
        database_oid = EXCLUDED.database_oid
    WHERE %(new_epoch)s::boolean
        OR (meta.system_identifier, meta.timeline, meta.database_oid)
            IS DISTINCT FROM
            (EXCLUDED.system_identifier, EXCLUDED.timeline, EXCLUDED.database_oid)
"""


def settling(*, new_epoch: bool = False) -> dict[str, object]:
    """Parameters of `SETTLE`."""
    return {"epoch": secrets.token_hex(6), "new_epoch": new_epoch}


async def read(conn: Connection) -> Identity:
    """Raises `errors.DatabaseError`, and `errors.Unexpected` where this is no database of ours."""
    rows = await conn.rows(READ, {}, SECONDS)
    if not rows:
        raise errors.Unexpected("it has no epoch")
    return Identity(*rows[0])


async def settle(conn: Connection) -> Identity:
    """The same, with a new epoch where the recorded one was made in another database.

    The server's lock must be held.
    """
    await conn.rows(SETTLE, settling(), SECONDS)
    return await read(conn)
