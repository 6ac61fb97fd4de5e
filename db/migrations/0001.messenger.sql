-- depends:

-- The epoch identifies this history of the feeds. It is the first part of every event id. The server
-- makes a new one if the database is not the one that clients knew (a restored backup).
CREATE TABLE meta (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch             text    NOT NULL CHECK (epoch ~ '^[a-z0-9]+$'),
    system_identifier text,
    timeline          integer,
    database_oid      oid
);

CREATE TABLE users (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username   text        NOT NULL CHECK (username ~ '^[A-Za-z0-9]([A-Za-z0-9-]{0,37}[A-Za-z0-9])?$'),
    avatar_url text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One index for uniqueness without regard to case, and for prefix search. Names are ASCII, so they
-- sort by bytes.
CREATE UNIQUE INDEX users_username ON users (lower(username) COLLATE "C");

CREATE TABLE sessions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    user_agent   text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX sessions_user ON sessions (user_id, last_seen_at);

-- Two users have at most one conversation: (low_user_id, high_user_id) is the canonical pair. Both
-- are null for conversations of more users, which do not exist yet.
CREATE TABLE conversations (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    low_user_id  bigint      REFERENCES users,
    high_user_id bigint      REFERENCES users,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The time of the last message, or of the creation. It is in no index on purpose: each send
    -- updates it, and such an update stays within its page (HOT).
    active_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (low_user_id < high_user_id),
    UNIQUE (low_user_id, high_user_id)
) WITH (fillfactor = 80);

CREATE TABLE participants (
    user_id              bigint NOT NULL REFERENCES users,
    conversation_id      bigint NOT NULL REFERENCES conversations ON DELETE CASCADE,
    last_read_message_id bigint,
    PRIMARY KEY (user_id, conversation_id)
) WITH (fillfactor = 80);

CREATE INDEX participants_conversation ON participants (conversation_id, user_id);

CREATE TABLE messages (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    conversation_id bigint      NOT NULL REFERENCES conversations ON DELETE CASCADE,
    user_id         bigint      NOT NULL REFERENCES users,
    content         text        NOT NULL CHECK (char_length(content) BETWEEN 1 AND 4000),
    created_at      timestamptz NOT NULL,
    client_id       uuid        NOT NULL,
    -- False: the server made the client id, so that it can repeat the write. Clients never see it.
    client_id_given boolean     NOT NULL,
    PRIMARY KEY (conversation_id, id),
    UNIQUE (user_id, client_id)
) WITH (
    -- After a vacuum, unread messages are counted from the index only. With the default threshold, a
    -- fifth of the table, the newest messages, which are unread, would rarely be vacuumed.
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 10000
);

-- Counts the messages of each other participant that one participant has not read.
CREATE INDEX messages_unread ON messages (conversation_id, user_id, id);

-- The last number of each user's feed. The row lock orders the writers of that feed.
CREATE TABLE feeds (
    user_id  bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    last_seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- The events of each user, numbered without gaps in commit order. The transaction that writes a fact
-- also writes its events. Rows refer to facts; only the state of a marker is copied. There are no
-- foreign keys: each row is made from locked rows, and this table has the most writes.
CREATE TABLE feed_events (
    user_id              bigint      NOT NULL,
    seq                  bigint      NOT NULL,
    kind                 text        NOT NULL CHECK (kind IN ('message', 'conversation', 'read')),
    conversation_id      bigint      NOT NULL,
    message_id           bigint,
    reader_id            bigint,
    last_read_message_id bigint,
    unread_count         integer,
    created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, seq)
);

-- A time in the API's format: RFC 3339 in UTC with milliseconds.
CREATE FUNCTION rfc3339(at timestamptz) RETURNS text LANGUAGE sql STABLE
    RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- The same time as an exact number with the same order, for cursors.
CREATE FUNCTION microseconds(at timestamptz) RETURNS bigint LANGUAGE sql STABLE
    RETURN (extract(epoch FROM at) * 1000000)::bigint;
