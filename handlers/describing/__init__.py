"""The descriptions of the API and of the stream, for programs."""
