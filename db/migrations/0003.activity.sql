-- depends: 0002.github

-- The sort key of conversations: the id of the last message, which does not depend on a clock. A
-- conversation without messages gets the highest key of its participants' conversations. Its own id,
-- which decides between equal keys, puts it above those. It is in no index, like active_at.
ALTER TABLE conversations ADD COLUMN active_id bigint NOT NULL DEFAULT 0;

UPDATE conversations
SET active_id = last.id
FROM (
    SELECT conversation_id, max(id) AS id
    FROM messages
    GROUP BY conversation_id
) last
WHERE last.conversation_id = conversations.id;

UPDATE conversations made
SET active_id = before.id
FROM (
    SELECT empty.id AS conversation_id, max(messages.id) AS id
    FROM conversations empty
    JOIN participants mine ON mine.conversation_id = empty.id
    JOIN participants theirs ON theirs.user_id = mine.user_id
    JOIN messages
        ON messages.conversation_id = theirs.conversation_id
        AND messages.created_at <= empty.created_at
    WHERE empty.active_id = 0
    GROUP BY empty.id
) before
WHERE before.conversation_id = made.id;
