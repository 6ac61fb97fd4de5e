"""Whether PostgreSQL takes writes: not read-only, with the rights and the room for them."""

# A function's rows beyond `work_mem` go to a file: that shows a full disk without a trace in the
# database itself. 20,000 rows are 0.6 MB.
CHECK = """
    SELECT set_config('work_mem', '64kB', true);
    SELECT
        NOT current_setting('transaction_read_only')::boolean
            AND has_table_privilege('messages', 'INSERT')
            AND has_table_privilege('feed_events', 'INSERT')
            AND has_table_privilege('feeds', 'UPDATE')
            AND has_table_privilege('conversations', 'UPDATE')
            AND has_table_privilege('sessions', 'INSERT'),
        (SELECT count(*) FROM generate_series(1, 20000))
"""
