"""Machine-readable descriptions of the API (OpenAPI) and of the stream (AsyncAPI)."""
