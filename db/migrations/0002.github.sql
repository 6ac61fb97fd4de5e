-- depends: 0001.messenger

-- GitHub accounts. The number identifies an account for good; a name may get a new owner. `name` is
-- the user name that was requested, and `users` has the one that was assigned.
CREATE TABLE github_accounts (
    provider text   NOT NULL, -- the API's host: numbers of two GitHubs have nothing in common
    id       bigint NOT NULL,
    user_id  bigint NOT NULL UNIQUE REFERENCES users ON DELETE CASCADE,
    name     text   NOT NULL,
    PRIMARY KEY (provider, id)
);

-- The pictures. `path` equals users.avatar_url, and has a hash of the content.
CREATE TABLE avatars (
    user_id    bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    path       text  NOT NULL,
    media_type text  NOT NULL CHECK (media_type IN ('image/png', 'image/jpeg', 'image/webp')),
    content    bytea NOT NULL CHECK (octet_length(content) <= 262144)
);

-- Two users may have the same picture.
CREATE INDEX avatars_path ON avatars (path);

-- Events that show a user store the name and picture of that time, because both may change.
ALTER TABLE feed_events
    ALTER COLUMN conversation_id DROP NOT NULL,
    ADD COLUMN shown_user_id bigint,
    ADD COLUMN shown_username text,
    ADD COLUMN shown_avatar_url text,
    DROP CONSTRAINT feed_events_kind_check;

-- NOT VALID: existing rows satisfy it, so PostgreSQL need not read them.
ALTER TABLE feed_events
    ADD CONSTRAINT feed_events_kind_check
        CHECK (kind IN ('message', 'conversation', 'read', 'user')) NOT VALID,
    ADD CONSTRAINT feed_events_conversation_check
        CHECK (kind = 'user' OR conversation_id IS NOT NULL) NOT VALID,
    ADD CONSTRAINT feed_events_shown_check
        CHECK (kind NOT IN ('user', 'conversation') OR shown_username IS NOT NULL) NOT VALID;

UPDATE feed_events
SET shown_user_id = users.id,
    shown_username = users.username,
    shown_avatar_url = users.avatar_url
FROM participants, users
WHERE feed_events.kind = 'conversation'
    AND participants.conversation_id = feed_events.conversation_id
    AND participants.user_id <> feed_events.user_id
    AND users.id = participants.user_id;
