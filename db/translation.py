"""Turns all exceptions of psycopg2, libpq and the loop into those of `db.errors`."""

import re

import psycopg2
import psycopg2.errors

from db import errors

# SQLSTATEs of conditions that may pass. A statement that failed with one has written nothing.
_LATER = re.compile(
    r"25006"  # read-only: a stand-by, or a setting
    r"|42501"  # a right was revoked
    r"|53...|55000|57P..|58..."  # full, in the wrong state, shutting down, system errors
    r"|42P01|42703|42883|3F000"  # a restore is replacing the schema
    r"|26000|0A000"  # a prepared statement is gone, or no longer fits
    r"|XX..."  # internal errors, such as damaged data
)

# Messages of libpq about permanent errors. It gives no SQLSTATE for a failed connection.
_REFUSED = re.compile(
    r"password authentication failed|no password supplied|authentication failed"
    r"|no pg_hba\.conf entry|pg_hba\.conf rejects|permission denied for database"
    r'|(?:database|role|user) ".*" (?:does not exist|is not permitted)'
)

_NO_SLOT = re.compile(r"too many (?:clients|connections)|connection slots are reserved")

# Messages about connections that were refused at once.
_TURNED_AWAY = re.compile(
    r"refused|No such file|FATAL|session is|server is|unreachable|reset by peer|Name or service"
)


def of_connecting(error: BaseException) -> errors.DatabaseError:
    """Returns the error for a failed connection."""
    text = sentence(error) or "no answer"
    if isinstance(error, psycopg2.ProgrammingError) or _REFUSED.search(text):
        return errors.Refused(text)
    if _NO_SLOT.search(text):
        return errors.NoSlot(text)
    if _TURNED_AWAY.search(text):
        return errors.TurnedAway(text)
    return errors.Unavailable(text)


def of_statement(error: Exception, *, is_open: bool) -> Exception:
    """Returns the error for a failed statement. `is_open`: whether the connection still works."""
    match error:
        case TimeoutError():
            return errors.Timeout("no answer before the deadline")
        case psycopg2.errors.QueryCanceled():
            return errors.Timeout("PostgreSQL stopped the statement")
        case psycopg2.errors.LockNotAvailable():
            return errors.LockTimeout(sentence(error))
        case psycopg2.errors.DeadlockDetected() | psycopg2.errors.SerializationFailure():
            return errors.Deadlock(sentence(error))
        case psycopg2.errors.UniqueViolation():
            return errors.Duplicate(_without_values(error))
        case psycopg2.Error() if error.pgcode and error.diag.severity_nonlocalized == "ERROR":
            if _LATER.fullmatch(error.pgcode):
                is_damage = error.pgcode.startswith("XX")
                return errors.Declined(f"{error.pgcode} {_message(error)}", is_damage=is_damage)
            return errors.Unexpected(_without_values(error))
        case psycopg2.OperationalError() | psycopg2.InterfaceError():
            return errors.Unavailable(sentence(error))
        case _ if not is_open:
            return errors.Unavailable(f"{type(error).__name__}: {sentence(error)}")
        case psycopg2.Error():
            return errors.Unexpected(_without_values(error))
        case _:  # from building the statement; the message may quote a user's data
            return errors.Unexpected(type(error).__name__)


def sentence(error: BaseException) -> str:
    return " ".join(str(error).split())


def _message(error: psycopg2.Error) -> str:
    return " ".join((error.diag.message_primary or "").split())


def _without_values(error: psycopg2.Error) -> str:
    """Returns the kind and place of the error. The message itself may quote a user's data."""
    where = (error.diag.table_name, error.diag.column_name, error.diag.constraint_name)
    return " ".join([type(error).__name__, error.pgcode or "", *filter(None, where)])
