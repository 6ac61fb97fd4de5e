"""Who is listening, and the bytes that they get. Knows no SQL and no HTTP handler."""
