-- depends: 0005.servers

-- What may be used once, on any server: attempts at signing in.
CREATE TABLE used_once (
    digest     bytea       PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE INDEX used_once_expired ON used_once (expires_at);
