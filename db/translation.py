"""What psycopg2, libpq or the loop raise, as one of our own errors. Nothing else escapes."""

import re

import psycopg2
import psycopg2.errors

from db import errors

# What PostgreSQL cannot do now and may do later; in a statement's case nothing was written.
_LATER = re.compile(
    r"25006"  # read-only: a stand-by, or a setting
    r"|42501"  # a right that was taken away meanwhile
    r"|53...|55000|57P..|58..."  # full, not in the right state, shutting down, its machine's errors
    r"|42P01|42703|42883|3F000"  # the schema is being replaced, by a restore
    r"|26000|0A000"  # what this session has planned is gone, or no longer fits
    r"|XX..."  # its own errors, damaged data among them
)

# How libpq words what no retry mends; it gives no SQLSTATE for a connection that was not made.
_REFUSED = re.compile(
    r"password authentication failed|no password supplied|authentication failed"
    r"|no pg_hba\.conf entry|pg_hba\.conf rejects|permission denied for database"
    r'|(?:database|role|user) ".*" (?:does not exist|is not permitted)'
)

_NO_SLOT = re.compile(r"too many (?:clients|connections)|connection slots are reserved")

# Somebody was there and said no, at once.
_TURNED_AWAY = re.compile(
    r"refused|No such file|FATAL|session is|server is|unreachable|reset by peer|Name or service"
)


def of_connecting(error: BaseException) -> errors.DatabaseError:
    """Why there is no connection."""
    text = sentence(error) or "no answer"
    if isinstance(error, psycopg2.ProgrammingError) or _REFUSED.search(text):
        return errors.Refused(text)
    if _NO_SLOT.search(text):
        return errors.NoSlot(text)
    if _TURNED_AWAY.search(text):
        return errors.TurnedAway(text)
    return errors.Unavailable(text)


def of_statement(error: Exception, *, is_open: bool) -> Exception:
    """Why there is no result. `is_open`: whether the connection lives on after the error."""
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
        case _:  # while the statement was put together; its text may hold what was to be stored
            return errors.Unexpected(type(error).__name__)


def sentence(error: BaseException) -> str:
    return " ".join(str(error).split())


def _message(error: psycopg2.Error) -> str:
    return " ".join((error.diag.message_primary or "").split())


def _without_values(error: psycopg2.Error) -> str:
    """What went wrong and where. The message itself may quote what was to be stored."""
    where = (error.diag.table_name, error.diag.column_name, error.diag.constraint_name)
    return " ".join([type(error).__name__, error.pgcode or "", *filter(None, where)])
