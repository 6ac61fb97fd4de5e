"""HTTP/1.1 for a Tornado application, on the event loop's own transports. Knows no handler."""
