-- depends: 0011.made_as

-- The fields of a message that most messages do not have, as the API shows them to `viewer`. A
-- function, because a statement prepares all its subqueries each time, even if it runs none of them.
CREATE FUNCTION rare_fields(
    viewer          bigint,
    is_group        boolean,
    conversation_id bigint,
    message_id      bigint,
    author_id       bigint,
    version         integer,
    edited_at       timestamptz,
    deleted_at      timestamptz,
    deleted_by      bigint,
    reply_to_id     bigint,
    mentions        jsonb,
    reacted         boolean,
    notice          jsonb
) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    author       jsonb;
    reactions    jsonb := '[]';
    shown_notice jsonb;
BEGIN
    IF is_group THEN
        SELECT jsonb_build_object(
            'id', users.id::text,
            'username', users.username,
            'avatarURL', users.avatar_url,
            'displayName', users.display_name
        )
        INTO author
        FROM users
        WHERE users.id = author_id;
    END IF;
    IF reacted THEN
        SELECT coalesce(
            jsonb_agg(
                jsonb_build_object('emoji', emoji, 'count', people, 'mine', mine) ORDER BY oldest
            ),
            '[]'
        )
        INTO reactions
        FROM (
            SELECT
                made.emoji,
                count(*) AS people,
                bool_or(made.user_id = viewer) AS mine,
                min(made.id) AS oldest
            FROM reactions made
            WHERE made.conversation_id = rare_fields.conversation_id
                AND made.message_id = rare_fields.message_id
            GROUP BY made.emoji
        ) counted;
    END IF;
    IF notice IS NOT NULL THEN
        SELECT notice || jsonb_build_object('users', coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'id', users.id::text,
                    'username', users.username,
                    'avatarURL', users.avatar_url,
                    'displayName', users.display_name
                ) ORDER BY ids.n
            ),
            '[]'
        ))
        INTO shown_notice
        FROM jsonb_array_elements_text(notice -> 'users') WITH ORDINALITY AS ids (id, n)
        JOIN users ON users.id = ids.id::bigint;
    END IF;
    RETURN jsonb_build_object(
        'author', author,
        'version', version,
        'editedAt', rfc3339(edited_at),
        'deletedAt', rfc3339(deleted_at),
        'deletedBy', deleted_by::text,
        'replyToId', reply_to_id::text,
        'mentions', coalesce(mentions, '[]'),
        'reactions', reactions,
        'notice', shown_notice
    );
END
$$;
