"""The outcome of a write: its result or refusal, and the events that it appended to feeds."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from db.kind import Fact, Kind

Result = TypeVar("Result")


class Appended(NamedTuple):
    """An event, its recipients in ascending order, and its number in the feed of each."""

    kind: Kind
    fact: Fact
    epoch: str
    user_ids: list[int]
    seqs: list[int]


class WriteResult(NamedTuple, Generic[Result]):
    result: Result | Exception  # refusals are returned: each concerns one write only
    appended: Sequence[Appended] = ()  # in feed order
