"""Whether PostgreSQL takes writes: not read-only, with the rights and the room for them."""

# A function's rows beyond `work_mem` go to a file: that shows a full disk without a trace in the
# database itself. 20,000 rows are 0.6 MB.
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
