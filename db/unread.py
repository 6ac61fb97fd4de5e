"""SQL that counts unread messages of `mine`, a row of participants.

Unread are messages of others after the marker, neither notices nor deleted.
"""

MOST_UNREAD = 1000  # counts stop here: it means 1000 or more
MOST_UNREAD_MENTIONS = 100

_BEYOND = "messages.id > coalesce(mine.last_read_message_id, 0)"


def _rows(besides: str) -> str:
    """Returns SQL for the unread messages of `mine`, without the message with the id `besides`.

    Of a pair, reads one author at a time along an index, and so never the user's own messages. Of a
    group, reads the messages after the marker.
    """
    countable = f"{_BEYOND} AND messages.notice IS NULL AND messages.deleted_at IS NULL"
    if besides:
        countable += f" AND messages.id <> {besides}"
    return f"""
        SELECT 1
        FROM (
            SELECT user_id
            FROM participants
            WHERE participants.conversation_id = mine.conversation_id
                AND participants.user_id <> mine.user_id
            OFFSET 0
        ) author
        CROSS JOIN LATERAL (
            SELECT
            FROM messages
            WHERE messages.conversation_id = mine.conversation_id
                AND messages.user_id = author.user_id
                AND {countable}
            LIMIT {MOST_UNREAD}
        ) unread
        WHERE mine.role IS NULL
        UNION ALL
        (
            SELECT 1
            FROM messages
            WHERE mine.role IS NOT NULL
                AND messages.conversation_id = mine.conversation_id
                AND messages.user_id <> mine.user_id
                AND {countable}
            ORDER BY messages.id
            LIMIT {MOST_UNREAD}
        )
    """


def unread(besides: str = "") -> str:
    """Returns SQL that counts the unread messages, without the one with the id `besides`."""
    return f"""
        SELECT count(*)
        FROM (
            SELECT
            FROM ({_rows(besides)}) unread
            LIMIT {MOST_UNREAD}
        ) counted
    """


def unread_mentions(besides: str = "") -> str:
    """Returns SQL that counts the unread messages that mention the user, like `unread`."""
    return f"""
        SELECT count(*)
        FROM (
            SELECT
            FROM mentions
            WHERE mentions.user_id = mine.user_id
                AND mentions.conversation_id = mine.conversation_id
                AND mentions.message_id > coalesce(mine.last_read_message_id, 0)
                {f"AND mentions.message_id <> {besides}" if besides else ""}
            LIMIT {MOST_UNREAD_MENTIONS}
        ) counted
    """


UNREAD = unread()
UNREAD_MENTIONS = unread_mentions()

# Sums `UNREAD` over all conversations of the user of `feeds`. A conversation that is read costs one
# index look-up.
UNREAD_TOTAL = f"""
    SELECT count(*)
    FROM (
        SELECT
        FROM participants mine
        CROSS JOIN LATERAL (
            SELECT
            FROM messages
            WHERE messages.conversation_id = mine.conversation_id
                AND {_BEYOND}
            LIMIT 1
        ) beyond
        CROSS JOIN LATERAL ({_rows("")}) unread
        WHERE mine.user_id = feeds.user_id
        LIMIT {MOST_UNREAD}
    ) counted
"""
