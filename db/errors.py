"""What the database can answer in place of rows.

DatabaseError
├── Unavailable      no connection, or it broke: nothing is known of a write in flight
│   ├── TurnedAway   no connection was made, and that was said at once: nobody listens, …
│   │   └── NoSlot   it has as many as it takes
│   └── Declined     it does not do this now (read-only, full, …): nothing was written
├── Timeout          too slow: nothing is known of a write in flight
├── LockTimeout      a row stayed locked by somebody else: nothing was written
├── Deadlock         PostgreSQL broke one: nothing was written
├── Duplicate        a unique constraint has it already: nothing was written
├── Refused          wrong credentials or no such database: trying again is of no use
└── InUse            another server is this database's one server

Unexpected           a statement of ours was wrong
"""


class DatabaseError(Exception):
    """The database did not do what was asked, for a reason of its own."""


class Unavailable(DatabaseError):
    """There is no connection, or it broke while in use."""


class TurnedAway(Unavailable):
    """A connection was refused, by PostgreSQL or by the machine that it should run on."""


class NoSlot(TurnedAway):
    """PostgreSQL has as many connections as it takes."""


class Declined(Unavailable):
    """PostgreSQL has said that it cannot do this now; nothing was written.

    `is_damage`: for a reason that may be this statement's alone.
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
    """What was to be new is there already; for the function that wrote it to see to."""


class Refused(DatabaseError):
    """The server is there and does not let us in."""


class InUse(DatabaseError):
    """Another server works on this database."""


class Unexpected(Exception):
    """PostgreSQL refused a statement, which none of ours should be."""
