"""Settings of a user: what others learn of their reading and typing."""

import msgspec

from db.pool import Database


class Settings(msgspec.Struct, frozen=True):
    """Whether others see how far the user has read, and that they are typing."""

    receipts: bool
    typing: bool


async def one(db: Database, user_id: int) -> Settings:
    """Returns the settings; both are on if the user has never changed them."""
    row = await db.row(
        """
        SELECT receipts, typing
        FROM settings
        WHERE user_id = %(user_id)s
        """,
        {"user_id": user_id},
    )
    return Settings(True, True) if row is None else Settings(*row)


async def change(
    db: Database, user_id: int, *, receipts: bool | None, typing: bool | None
) -> Settings:
    """Changes the settings that are not None. Returns all of them."""
    row = await db.row(
        """
        INSERT INTO settings (user_id, receipts, typing)
        VALUES (
            %(user_id)s,
            coalesce(%(receipts)s::boolean, true),
            coalesce(%(typing)s::boolean, true)
        )
        ON CONFLICT (user_id) DO UPDATE
        SET
            receipts = coalesce(%(receipts)s::boolean, settings.receipts),
            typing = coalesce(%(typing)s::boolean, settings.typing)
        RETURNING receipts, typing
        """,
        {"user_id": user_id, "receipts": receipts, "typing": typing},
    )
    assert row is not None
    return Settings(*row)
