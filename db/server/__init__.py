"""The PostgreSQL server: the embedded one, and the checks before any database is used."""
