"""How facts enter the feeds: the two halves of every statement that writes feed rows.

A writer sends `LOCK` and its own statement with `APPEND` in it as one string: one round trip, one
transaction. The first takes the feeds concerned, in ascending order of user id, so that no deadlock
is possible. The second begins after that and has a fresh snapshot (READ COMMITTED): ids, times and
feed numbers drawn in it agree with the order of commits, for every viewer.
"""

# The feeds of all who take part in the conversations that (conversation_ids, user_ids) write to,
# pairwise; who takes no part in a conversation locks nothing of it.
LOCK = """
    SELECT user_id
    FROM feeds
    WHERE user_id IN (
        SELECT everyone.user_id
        FROM unnest(%(conversation_ids)s::bigint[], %(user_ids)s::bigint[])
            AS writer (conversation_id, user_id)
        JOIN participants me USING (conversation_id, user_id)
        JOIN participants everyone USING (conversation_id)
    )
    ORDER BY user_id
    FOR NO KEY UPDATE;
"""


# Goes on from a CTE `new_events`: n, user_id, kind, conversation_id, message_id, payload.
# `n` orders what one transaction tells one user. `recipients` has a row for each `n`: who was told,
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
