"""Rewrites statements as PREPARE and EXECUTE, so that a connection plans each only once.

psycopg2 does not do this. Planning the statement that stores messages takes longer than running it.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_PLACEHOLDER = re.compile(r"%\((\w+)\)s(::\w+(?:\[\])?)?")
_PLANNABLE = re.compile(r"\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b")


class Prepared(NamedTuple):
    """A prepared form of a string. `prepare` goes in front of `execute` the first time."""

    prepare: str
    execute: str


def prepared(sql: str, prefix: str) -> Prepared:
    """Returns the prepared form of `sql`.

    The statements have parameters such as `%(name)s`, and no semicolon inside. A string with a
    statement that PostgreSQL cannot prepare (SET, CREATE, …) stays unchanged.
    """
    statements = [statement for statement in sql.split(";") if statement.strip()]
    if not all(_PLANNABLE.match(statement) for statement in statements):
        return Prepared("", sql)
    parts = [_prepared(statement, f"{prefix}_{n}") for n, statement in enumerate(statements)]
    return Prepared("".join(p.prepare for p in parts), "; ".join(p.execute for p in parts))


def array(values: Iterable[int | str | None]) -> str:
    """Returns an array literal of PostgreSQL. Numbers, booleans and UUIDs need no quotes.

    The driver would take a microsecond for each value of a list.
    """
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _prepared(statement: str, name: str) -> Prepared:
    casts: dict[str, str] = {}
    for parameter, cast in _PLACEHOLDER.findall(statement):
        casts[parameter] = casts.get(parameter) or cast
    numbers = {parameter: f"${n}" for n, parameter in enumerate(casts, 1)}
    # The driver also parses this string, and turns %% into %.
    text = _PLACEHOLDER.sub(lambda found: numbers[found[1]] + (found[2] or ""), statement)
    arguments = ", ".join(f"%({parameter})s{cast}" for parameter, cast in casts.items())
    execute = f"EXECUTE {name} ({arguments})" if casts else f"EXECUTE {name}"
    return Prepared(f"PREPARE {name} AS {text};\n", execute)
