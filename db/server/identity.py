"""Identifies a database: after a fail-over or a restore it may differ from what clients know."""

import secrets
from typing import NamedTuple

from db import errors
from db.connection import Connection

SECONDS = 5.0  # time-out of each statement


class Identity(NamedTuple):
    """If one of these differs, this database may lack events that clients have seen."""

    system_identifier: str
    timeline: int
    database_oid: int
    epoch: str


# The timeline comes from the name of the WAL file. `pg_control_checkpoint` returns that of the last
# checkpoint, which is out of date after a promotion.
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
    """Returns the parameters of `SETTLE`."""
    return {"epoch": secrets.token_hex(6), "new_epoch": new_epoch}


async def read(conn: Connection) -> Identity:
    """Reads the identity.

    Raises `errors.DatabaseError`, and `errors.Unexpected` if the schema is not that of this server.
    """
    rows = await conn.rows(READ, {}, SECONDS)
    if not rows:
        raise errors.Unexpected("it has no epoch")
    return Identity(*rows[0])


async def settle(conn: Connection) -> Identity:
    """Reads the identity, and first makes a new epoch if the epoch is of another database.

    The caller must hold the server's lock.
    """
    await conn.rows(SETTLE, settling(), SECONDS)
    return await read(conn)
