-- depends: 0004.payload

-- The servers that run on this database with a relay. Each holds the advisory lock (1296389203, id)
-- while it runs; others delete the row of a server that does not.
CREATE TABLE servers (
    id         integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    start      text        NOT NULL,
    version    text        NOT NULL,
    kinds      text[]      NOT NULL, -- of events, that this version can read
    secret     text        NOT NULL, -- a digest, to compare
    settings   text        NOT NULL, -- a digest, to compare
    pid        integer     NOT NULL DEFAULT pg_backend_pid(), -- holds the lock, and listens
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Tells all servers of sessions that have ended, whoever deletes them. A notification may have 8,000
-- bytes, and a pair of ids has at most 40.
CREATE FUNCTION tell_ended_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('messenger_sessions', string_agg(user_id || ':' || id, ','))
    FROM (SELECT user_id, id, row_number() OVER () / 150 AS part FROM ended) numbered
    GROUP BY part;
    RETURN NULL;
END
$$;

CREATE TRIGGER sessions_ended AFTER DELETE ON sessions
    REFERENCING OLD TABLE AS ended
    FOR EACH STATEMENT EXECUTE FUNCTION tell_ended_sessions();
