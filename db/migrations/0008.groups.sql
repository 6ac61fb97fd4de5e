-- depends: 0007.display_names

-- A conversation without a pair is a group. `asked` is a digest of the request that made it, and
-- `member_count` is the number of its participants.
ALTER TABLE conversations
    ADD COLUMN name text CHECK (char_length(name) BETWEEN 1 AND 80),
    ADD COLUMN history text CHECK (history IN ('joined', 'all')),
    ADD COLUMN member_count integer,
    ADD COLUMN creator_id bigint REFERENCES users,
    ADD COLUMN client_id uuid,
    ADD COLUMN asked bytea,
    ADD CONSTRAINT conversations_pair_or_group CHECK ((name IS NULL) = (low_user_id IS NOT NULL)),
    ADD UNIQUE (creator_id, client_id);

-- Participants are those who are there now, and nobody else. In a group they have a role. They see
-- the messages from `sees_from` on, and came with the notice `joined_message_id`. Their feed shows
-- the events of this conversation from `came_at_seq` on.
ALTER TABLE participants
    ADD COLUMN role text CHECK (role IN ('admin', 'member')),
    ADD COLUMN sees_from bigint NOT NULL DEFAULT 0,
    ADD COLUMN joined_message_id bigint,
    ADD COLUMN joined_at timestamptz,
    ADD COLUMN came_at_seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN notify text NOT NULL DEFAULT 'all' CHECK (notify IN ('all', 'mentions', 'none'));

-- Those who were participants: the group still shows their messages, so it hears of a new name.
CREATE TABLE former_participants (
    user_id         bigint NOT NULL REFERENCES users,
    conversation_id bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
    PRIMARY KEY (user_id, conversation_id)
);

CREATE INDEX former_participants_conversation ON former_participants (conversation_id);

-- `notice` tells what happened to a group, and `mentions` who is called by name, as the API shows
-- them. `reacted` is false if a message has no reactions.
ALTER TABLE messages
    ADD COLUMN notice jsonb,
    ADD COLUMN version integer NOT NULL DEFAULT 1,
    ADD COLUMN edited_at timestamptz,
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN deleted_by bigint,
    ADD COLUMN reply_to_id bigint,
    ADD COLUMN mentions jsonb,
    ADD COLUMN reacted boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT messages_content_check;

-- NOT VALID: existing rows satisfy it, so PostgreSQL need not read them.
ALTER TABLE messages ADD CONSTRAINT messages_content_check CHECK (
    char_length(content) <= 4000
    AND (content <> '' OR notice IS NOT NULL OR deleted_at IS NOT NULL)
) NOT VALID;

-- Notices and deleted messages are never unread.
DROP INDEX messages_unread;
CREATE INDEX messages_unread ON messages (conversation_id, user_id, id)
    WHERE notice IS NULL AND deleted_at IS NULL;

-- Who is mentioned by others, to count what is unread.
CREATE TABLE mentions (
    user_id         bigint NOT NULL,
    conversation_id bigint NOT NULL,
    message_id      bigint NOT NULL,
    PRIMARY KEY (user_id, conversation_id, message_id)
);

-- `id` is the order in which people reacted.
CREATE TABLE reactions (
    conversation_id bigint      NOT NULL,
    message_id      bigint      NOT NULL,
    emoji           text        NOT NULL,
    user_id         bigint      NOT NULL,
    id              bigint      GENERATED ALWAYS AS IDENTITY,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (conversation_id, message_id, emoji, user_id)
);
