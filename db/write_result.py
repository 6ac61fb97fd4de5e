"""What a write came to: its result or refusal, and the feeds that tell of it."""

from typing import Generic, NamedTuple, TypeVar

Result = TypeVar("Result")


class Recipient(NamedTuple):
    """A feed that the fact was appended to, and its number there."""

    user_id: int
    epoch: str
    seq: int


class WriteResult(NamedTuple, Generic[Result]):
    result: Result | Exception  # a refusal is told, not raised: it is this write's own affair
    recipients: list[Recipient]
