"""Texts with a form of their own, as clients see it; the description of the API names them."""

from typing import Annotated

from msgspec import Meta


def _shaped(description: str, **schema: object) -> Meta:
    """For the description alone: what may come in is checked where it comes in."""
    return Meta(description=description, extra_json_schema=schema)


Id = Annotated[str, _shaped("A positive number, as text.", pattern="^[1-9][0-9]{0,18}$")]
Time = Annotated[
    str,
    _shaped(
        "RFC 3339 in UTC, with milliseconds.",
        format="date-time",
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
    ),
]
Username = Annotated[
    str,
    _shaped(
        "Letters, digits and hyphens, no hyphen at either end; unique without regard to case.",
        maxLength=39,
        pattern="^[A-Za-z0-9]([A-Za-z0-9-]{0,37}[A-Za-z0-9])?$",
    ),
]
Uuid = Annotated[
    str,
    _shaped(
        "A UUID that the client has made.",
        pattern="^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
    ),
]
