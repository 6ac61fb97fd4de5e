"""GET /api/openapi.json and /api/asyncapi.json: machine-readable descriptions of the API."""

from handlers.requests.api import ApiHandler


class OpenApiHandler(ApiHandler):
    needs_credentials = False
    needs_database = False

    async def get(self) -> None:
        self.reply_json(self.services.openapi)


class AsyncApiHandler(ApiHandler):
    needs_credentials = False
    needs_database = False

    async def get(self) -> None:
        self.reply_json(self.services.asyncapi)
