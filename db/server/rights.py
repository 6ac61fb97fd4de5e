"""Checks the rights of the database role. Each error has the command that grants the right."""

from collections.abc import Collection
from typing import Any

from psycopg2.extensions import cursor, quote_ident

from db import errors


def check_for_migrations(cursor: cursor) -> None:
    """Raises `Refused` if the role may not create tables, the default since PostgreSQL 15."""
    cursor.execute(
        """
        SELECT
            coalesce(current_schema(), 'public') AS schema,
            current_schema() IS NOT NULL
                AND has_schema_privilege(current_schema(), 'CREATE')
        """
    )
    schema, may_create = _row(cursor)
    if not may_create:
        role, database = _names(cursor)
        raise errors.Refused(
            f"the role {role} may not make tables in the database {database}; its owner grants that"
            f" there by: GRANT USAGE, CREATE ON SCHEMA {quote_ident(schema, cursor)} TO {role};"
        )


def check_for_work(cursor: cursor, tables: Collection[str]) -> None:
    """Raises `Refused` if the role may not read and write one of the existing `tables`."""
    cursor.execute(
        """
        SELECT current_schema(), string_agg(relname, ', ' ORDER BY relname)
        FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace
            AND relkind = 'r'
            AND relname = ANY (%s)
            AND NOT (
                has_table_privilege(oid, 'SELECT')
                AND has_table_privilege(oid, 'INSERT')
                AND has_table_privilege(oid, 'UPDATE')
            )
        """,
        (list(tables),),
    )
    schema, closed = _row(cursor)
    if closed is not None:
        role, database = _names(cursor)
        raise errors.Refused(
            f"the role {role} may not read and write in the database {database}: {closed};"
            " their owner grants that there by: GRANT ALL ON ALL TABLES IN SCHEMA"
            f" {quote_ident(schema, cursor)} TO {role};"
        )


def _names(cursor: cursor) -> tuple[str, str]:
    """Returns the role and the database, quoted for SQL."""
    cursor.execute("SELECT current_user, current_database()")
    role, database = _row(cursor)
    return quote_ident(role, cursor), quote_ident(database, cursor)


def _row(cursor: cursor) -> tuple[Any, ...]:
    return cursor.fetchone() or ()
