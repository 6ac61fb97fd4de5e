"""The PostgreSQL server: the embedded one, and what is asked of any before it is used."""
