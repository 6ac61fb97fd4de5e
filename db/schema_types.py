"""String types with a pattern, for the schemas in the description of the API."""

from typing import Annotated

from msgspec import Meta


def _shaped(description: str, **schema: object) -> Meta:
    """Describes a string. The handlers check input; msgspec does not use this for it."""
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
        "Letters, digits and hyphens. No hyphen at either end. Unique without regard to case.",
        maxLength=39,
        pattern="^[A-Za-z0-9]([A-Za-z0-9-]{0,37}[A-Za-z0-9])?$",
    ),
]
DisplayName = Annotated[
    str,
    _shaped("What people see instead of the user name, in any script.", minLength=1, maxLength=60),
]
Uuid = Annotated[
    str,
    _shaped(
        "A UUID that the client generates.",
        pattern="^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
    ),
]
