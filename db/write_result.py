"""What a write came to: its result or refusal, and the event that it appended to feeds."""

from typing import Generic, NamedTuple, TypeVar

from db.kind import Fact, Kind

Result = TypeVar("Result")


class Appended(NamedTuple):
    """An event, and where it was appended: one number for each recipient, in ascending order."""

    kind: Kind
    fact: Fact
    epoch: str
    user_ids: list[int]
    seqs: list[int]


class WriteResult(NamedTuple, Generic[Result]):
    result: Result | Exception  # a refusal is told, not raised: it is this write's own affair
    appended: Appended | None = None
