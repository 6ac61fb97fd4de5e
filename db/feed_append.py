"""Appends events to feeds: the SQL that all statements with feed rows share.

A writer sends `LOCK`, and then a statement that includes `APPEND`, as one string. So both take one
round trip and one transaction. `LOCK` locks groups in ascending order of id, and then feeds in
ascending order of user id, so that no deadlock is possible. Each statement begins after the one
before, with a new snapshot (READ COMMITTED). So the members of a group cannot change after the
first, and ids, times and feed numbers agree with the order of commits, for every viewer.
"""

_WRITERS = """
    unnest(%(conversation_ids)s::bigint[], %(user_ids)s::bigint[])
        AS writer (conversation_id, user_id)
"""

# Also locks groups that a writer is not in: somebody may be adding them. It ends when they are in.
LOCK_GROUPS = """
    SELECT id
    FROM conversations
    WHERE id = ANY (%(conversation_ids)s::bigint[])
        AND name IS NOT NULL
    ORDER BY id
    FOR NO KEY UPDATE;
"""

# Locks the feeds of all participants of the conversations that (conversation_ids, user_ids) write
# to, pairwise. A user outside of a conversation locks none of its feeds.
_LOCK_FEEDS = f"""
    SELECT user_id
    FROM feeds
    WHERE user_id IN (
        SELECT everyone.user_id
        FROM (
            SELECT DISTINCT conversation_id
            FROM {_WRITERS}
            JOIN participants me USING (conversation_id, user_id)
        ) written
        JOIN participants everyone USING (conversation_id)
    )
    ORDER BY user_id
    FOR NO KEY UPDATE;
"""

LOCK = LOCK_GROUPS + _LOCK_FEEDS

# Like `LOCK`, for writes that only their users hear of if the conversation is a group.
LOCK_OWN = f"""
    SELECT user_id
    FROM feeds
    WHERE user_id IN (
        SELECT concerned.user_id
        FROM {_WRITERS}
        JOIN participants me USING (conversation_id, user_id)
        CROSS JOIN LATERAL (
            SELECT me.user_id
            UNION ALL
            SELECT other.user_id
            FROM participants other
            WHERE me.role IS NULL
                AND other.conversation_id = me.conversation_id
        ) concerned
    )
    ORDER BY user_id
    FOR NO KEY UPDATE;
"""

# Like `LOCK`, for writes that only their users hear of.
LOCK_WRITERS = f"""
    SELECT user_id
    FROM feeds
    WHERE user_id IN (
        SELECT user_id
        FROM {_WRITERS}
        JOIN participants me USING (conversation_id, user_id)
    )
    ORDER BY user_id
    FOR NO KEY UPDATE;
"""


# Needs a CTE `new_events` with n, user_id, kind, conversation_id, message_id, payload. `n` orders
# the events of one transaction for one user. `recipients` has a row for each `n`, with the users
# and the numbers in their feeds.
APPEND = """
    advanced AS (
        UPDATE feeds
        SET last_seq = feeds.last_seq + added.n
        FROM (
            SELECT user_id, count(*) AS n
            FROM new_events
            GROUP BY user_id
        ) added
        WHERE feeds.user_id = added.user_id
        RETURNING feeds.user_id, feeds.last_seq - added.n AS before
    ),
    numbered AS (
        SELECT
            new_events.*,
            advanced.before + row_number() OVER (PARTITION BY user_id ORDER BY new_events.n) AS seq
        FROM new_events
        JOIN advanced USING (user_id)
    ),
    appended AS (
        INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, payload)
        SELECT user_id, seq, kind, conversation_id, message_id, payload
        FROM numbered
    ),
    recipients AS (
        SELECT
            n,
            array_agg(user_id ORDER BY user_id) AS user_ids,
            array_agg(seq ORDER BY user_id) AS seqs
        FROM numbered
        GROUP BY n
    )
"""
