"""HTTP/1.1 for a Tornado application, on asyncio transports. Imports no handler."""
