"""HTTP only: a handler checks the request, makes one database call, and answers."""
