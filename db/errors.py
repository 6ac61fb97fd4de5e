"""The errors of the database.

DatabaseError
├── Unavailable      no connection, or it broke: a write may have been stored or not
│   ├── TurnedAway   the connection was refused at once
│   │   └── NoSlot   all of PostgreSQL's connections are in use
│   └── Declined     not possible now (read-only, full, …): nothing was written
├── Timeout          too slow: a write may have been stored or not
├── LockTimeout      another transaction kept a row locked: nothing was written
├── Deadlock         PostgreSQL ended the transaction: nothing was written
├── Duplicate        a unique constraint failed: nothing was written
├── Refused          wrong credentials or no such database: another attempt is useless
├── Upgrading        another server cannot read the event yet: nothing was written
└── InUse            another server uses this database

Unexpected           a statement of this server was wrong
"""


class DatabaseError(Exception):
    """The database could not run a statement."""


class Unavailable(DatabaseError):
    """There is no connection, or it broke while in use."""


class TurnedAway(Unavailable):
    """PostgreSQL, or the machine that it should run on, refused the connection."""


class NoSlot(TurnedAway):
    """All of PostgreSQL's connections are in use."""


class Declined(Unavailable):
    """PostgreSQL cannot run the statement now. Nothing was written.

    With `is_damage`, the reason may concern only this statement.
    """

    def __init__(self, why: str, *, is_damage: bool = False) -> None:
        super().__init__(why)
        self.is_damage = is_damage


class Timeout(DatabaseError):
    """The deadline passed, or PostgreSQL stopped the statement at `statement_timeout`."""


class LockTimeout(DatabaseError):
    """A row stayed locked for longer than `lock_timeout`."""


class Deadlock(DatabaseError):
    """PostgreSQL ended this transaction to break a deadlock or a serialization conflict."""


class Duplicate(DatabaseError):
    """A row exists already. The function that runs the statement must handle it."""


class Refused(DatabaseError):
    """PostgreSQL answers, but refuses to let this server in."""


class Upgrading(DatabaseError):
    """A server of an older version runs on this database, and cannot read this kind of event."""


class InUse(DatabaseError):
    """Another server uses this database."""


class Unexpected(Exception):
    """PostgreSQL found a statement invalid. This is a bug in the server."""
