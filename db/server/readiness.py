"""Checks whether PostgreSQL accepts writes: it is not read-only, and has rights and space."""

# PostgreSQL writes rows beyond `work_mem` to a temporary file. So the function call fails on a full
# disk, and changes nothing in the database. 20,000 rows are 0.6 MB.
CHECK = """
    SELECT set_config('work_mem', '64kB', true);
    SELECT
        NOT current_setting('transaction_read_only')::boolean
            AND (
                SELECT bool_and(has_table_privilege(name, needed))
                FROM
                    unnest(ARRAY[
                        'users', 'sessions', 'conversations', 'participants', 'messages',
                        'feeds', 'feed_events', 'meta'
                    ]) name,
                    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) needed
            ),
        (SELECT count(*) FROM generate_series(1, 20000))
"""
