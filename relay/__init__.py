"""Tells other servers of new events, through an engine that may lose messages."""
