"""All SQL. Only this package imports aiopg, psycopg2, yoyo and the embedded server."""
