-- depends:

-- The epoch names this history of the feeds: it is the first part of every event id, and it is
-- renewed when the database turns out to be another one than the clients knew (a restored backup).
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

-- Uniqueness without regard to case, and prefix search, in one index: names are ASCII, so that
-- the order of the bytes is the order wanted.
CREATE UNIQUE INDEX users_username ON users (lower(username) COLLATE "C");

CREATE TABLE sessions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    user_agent   text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX sessions_user ON sessions (user_id, last_seen_at);

-- Two people have one conversation, whichever of them began it: (low_user_id, high_user_id) is
-- the canonical pair. A conversation of many people will have none.
CREATE TABLE conversations (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    low_user_id  bigint      REFERENCES users,
    high_user_id bigint      REFERENCES users,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The last message's time, or the creation's where there is none. In no index on purpose:
    -- each send updates it, and such an update stays within its page (HOT).
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
    -- False: the server made the client id, so that it could try again; no client hears of it.
    client_id_given boolean     NOT NULL,
    PRIMARY KEY (conversation_id, id),
    UNIQUE (user_id, client_id)
) WITH (
    -- Unread messages are counted in the index alone where a vacuum has been; after the usual
    -- fifth of the table, the newest, which are the unread ones, would hardly ever be.
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 10000
);

-- Counts what one participant has not read of each other one's messages.
CREATE INDEX messages_unread ON messages (conversation_id, user_id, id);

-- How far each user's feed has come; the row's lock puts the writers of that feed in order.
CREATE TABLE feeds (
    user_id  bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    last_seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- What each user's streams carry: numbered without a gap in commit order, written in the
-- transaction of the fact itself. Rows refer to facts; only a marker's state is kept as it was.
-- No foreign keys: a row is made from the rows that they would name, which are locked then, and
-- this is the table that is written most.
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

-- A time in the form of the API: RFC 3339 in UTC with milliseconds.
CREATE FUNCTION rfc3339(at timestamptz) RETURNS text LANGUAGE sql STABLE
    RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- The same time as a number, for cursors: exact, and in one order with the times themselves.
CREATE FUNCTION microseconds(at timestamptz) RETURNS bigint LANGUAGE sql STABLE
    RETURN (extract(epoch FROM at) * 1000000)::bigint;
