"""The event that tells somebody that they are in a group no more."""

from typing import Literal

import msgspec

from db.kind import FeedRow, Kind
from db.schema_types import Id

Reason = Literal["left", "removed"]


class Gone(msgspec.Struct, frozen=True, rename="camel"):
    """The end of a conversation for one user. None of its events follows."""

    conversation_id: Id
    reason: Reason

    @classmethod
    def from_row(cls, row: FeedRow) -> "Gone":
        return cls(row.conversation_id, row.payload["reason"])

    def seen_by(self, user_id: int) -> "Gone":
        return self


GONE = Kind(
    name="gone",
    from_row=Gone.from_row,
    summary="You left a group, or were removed",
    sent_to="Only the one who is not a member any more gets it.",
    example=Gone("12", "removed"),
)
