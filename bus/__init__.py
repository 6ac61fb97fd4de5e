"""Delivers events to open streams. Imports neither the database nor a handler."""
