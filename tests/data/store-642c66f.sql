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

WITH drafts AS (
    SELECT n, conversation_id, user_id, content, client_id, client_id_given
    FROM unnest(
        %(conversation_ids)s::bigint[],
        %(user_ids)s::bigint[],
        %(contents)s::text[],
        %(client_ids)s::uuid[],
        %(client_ids_given)s::boolean[]
    ) WITH ORDINALITY
        AS draft (conversation_id, user_id, content, client_id, client_id_given, n)
),
allowed AS (
    SELECT
        drafts.*,
        row_number() OVER (PARTITION BY user_id, client_id ORDER BY n) AS nth
    FROM drafts
    JOIN participants USING (user_id, conversation_id)
),
stored AS (
    INSERT INTO messages (
        conversation_id, user_id, content, client_id, client_id_given, created_at
    )
    SELECT
        conversation_id, user_id, content, client_id, client_id_given, clock_timestamp()
    FROM allowed
    WHERE nth = 1
    ORDER BY n
    ON CONFLICT (user_id, client_id) DO NOTHING
    RETURNING id, conversation_id, user_id, content, client_id, client_id_given, created_at
),
touched AS (
    UPDATE conversations
    SET active_at = latest.created_at
    FROM (
        SELECT conversation_id, max(created_at) AS created_at
        FROM stored
        GROUP BY conversation_id
    ) latest
    WHERE conversations.id = latest.conversation_id
),
news AS (
    SELECT
        allowed.n,
        participants.user_id,
        'message' AS kind,
        stored.conversation_id,
        stored.id AS message_id,
        NULL::bigint AS reader_id,
        NULL::bigint AS last_read_message_id,
        NULL::integer AS unread_count
    FROM stored
    JOIN allowed USING (user_id, client_id)
    JOIN participants ON participants.conversation_id = stored.conversation_id
    WHERE allowed.nth = 1
),
bumped AS (
    UPDATE feeds
    SET last_seq = feeds.last_seq + added.n
    FROM (
        SELECT user_id, count(*) AS n
        FROM news
        GROUP BY user_id
    ) added
    WHERE feeds.user_id = added.user_id
    RETURNING feeds.user_id, feeds.last_seq - added.n AS before
),
numbered AS (
    SELECT
        news.*,
        bumped.before + row_number() OVER (PARTITION BY user_id ORDER BY news.n) AS seq
    FROM news
    JOIN bumped USING (user_id)
),
appended AS (
    INSERT INTO feed_events (
        user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id,
        unread_count
    )
    SELECT
        user_id, seq, kind, conversation_id, message_id, reader_id, last_read_message_id,
        unread_count
    FROM numbered
)
SELECT
    drafts.n,
    allowed.n IS NOT NULL,
    coalesce(stored.id, earlier.id)::text,
    drafts.conversation_id::text,
    drafts.user_id::text,
    drafts.content,
    rfc3339(coalesce(stored.created_at, earlier.created_at)),
    coalesce(stored.client_id_given, earlier.client_id_given),
    drafts.client_id::text,
    stored.id IS NOT NULL AND allowed.nth = 1,
    coalesce(stored.conversation_id, earlier.conversation_id) = drafts.conversation_id
        AND coalesce(stored.content, earlier.content) = drafts.content,
    numbered.user_id,
    meta.epoch,
    numbered.seq
FROM drafts
JOIN meta ON meta.only_row
LEFT JOIN allowed ON allowed.n = drafts.n
LEFT JOIN stored
    ON stored.user_id = drafts.user_id
    AND stored.client_id = drafts.client_id
LEFT JOIN messages earlier
    ON earlier.user_id = drafts.user_id
    AND earlier.client_id = drafts.client_id
LEFT JOIN numbered ON numbered.n = drafts.n
ORDER BY drafts.n, numbered.user_id
