"""Pages of messages around one of them, and from there to older and newer ones."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from db import message
from db.message import Message
from db.pool import Database
from db.snapshot import NotFound, Snapshot


class Side(IntEnum):
    """Where a page lies, seen from a message. The numbers are in cursors."""

    AROUND = 0
    OLDER = 1
    NEWER = 2


class Anchor(NamedTuple):
    """A page around a message, or older or newer than it."""

    side: int  # a `Side`
    message_id: int


class Window(NamedTuple):
    """A part of a conversation, newest first."""

    items: list[Message]
    middle: int  # the index of the item that is nearest to the anchor, and in every cut
    has_newer: bool
    has_older: bool


async def page(
    db: Database, user_id: int, conversation_id: int, anchor: Anchor, *, limit: int
) -> Snapshot[Window]:
    """Returns up to `limit` messages.

    Around a message, as many are newer as older, or one fewer. Raises `NotFound`, also if the user
    does not see the message that the page is around.
    """
    newer, older = _shares(anchor, limit)
    rows = await db.rows(
        f"""
        SELECT
            meta.epoch || '-' || feeds.last_seq,
            {message.columns("m", viewer="me.user_id", is_group="me.role IS NOT NULL")}
        FROM participants me
        JOIN feeds USING (user_id)
        JOIN meta ON meta.only_row
        LEFT JOIN LATERAL (
            (
                SELECT *
                FROM messages
                WHERE conversation_id = me.conversation_id
                    AND id > %(above)s
                    AND id >= me.sees_from
                ORDER BY id
                LIMIT %(newer)s
            )
            UNION ALL
            (
                SELECT *
                FROM messages
                WHERE conversation_id = me.conversation_id
                    AND id <= %(up_to)s
                    AND id >= me.sees_from
                ORDER BY id DESC
                LIMIT %(older)s
            )
        ) m ON true
        WHERE me.user_id = %(user_id)s
            AND me.conversation_id = %(conversation_id)s
        ORDER BY m.id DESC
        """,
        {
            "user_id": user_id,
            "conversation_id": conversation_id,
            "above": anchor.message_id,
            "up_to": anchor.message_id - (anchor.side == Side.OLDER),
            "newer": 0 if anchor.side == Side.OLDER else newer + 1,
            "older": 0 if anchor.side == Side.NEWER else older + 1,
        },
    )
    if not rows:
        raise NotFound
    found = [Message.of(row[1:]) for row in rows if row[1] is not None]
    return Snapshot(rows[0][0], _window(found, anchor, newer, older))


def _shares(anchor: Anchor, limit: int) -> tuple[int, int]:
    """Returns how many newer and how many older messages a page has. The one itself is older."""
    if anchor.side == Side.AROUND:
        newer = (limit - 1) // 2
        return newer, limit - newer
    return (limit, 0) if anchor.side == Side.NEWER else (0, limit)


def _window(found: Sequence[Message], anchor: Anchor, newer: int, older: int) -> Window:
    """`found` has one more on each side than the page, if there is one."""
    above = [one for one in found if int(one.id) > anchor.message_id]
    below = found[len(above) :]
    if anchor.side == Side.AROUND and (not below or below[0].id != str(anchor.message_id)):
        raise NotFound
    shown = above[max(len(above) - newer, 0) :]
    return Window(
        [*shown, *below[:older]],
        len(shown) - (anchor.side == Side.NEWER),
        len(above) > newer or anchor.side == Side.OLDER,
        len(below) > older or anchor.side == Side.NEWER,
    )
