"""Storms: servers and databases are killed under load, and all answered messages are counted."""
