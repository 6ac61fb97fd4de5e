"""HTTP only: who asks, read the request, one call to the database, tell the bus, answer."""
