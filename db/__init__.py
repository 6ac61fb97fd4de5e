"""All SQL, and the only place that knows aiopg, psycopg2, yoyo and the embedded server."""
