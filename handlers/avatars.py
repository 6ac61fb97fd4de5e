"""GET /avatars/…: the pictures of users, from this server's own origin."""

from db import snapshot
from handlers import pictures
from handlers.requests import problems
from handlers.requests.base import Handler

# A year, the longest that caches are asked for (RFC 9111 has no name for "for ever").
CACHE_CONTROL = "public, max-age=31536000, immutable"


class AvatarHandler(Handler):
    """For anyone: the path is made of the content, so who can tell it has been shown either."""

    cost = 0.25
    answer_bytes = pictures.LARGEST_BYTES

    async def get(self, name: str) -> None:
        try:
            found = await self.services.avatars.one(f"/avatars/{name}")
        except snapshot.NotFound:
            raise problems.NotFound from None
        self.set_header("Content-Type", found.media_type)
        self.set_header("Cache-Control", CACHE_CONTROL)
        # Opened by itself it is a document, and shall be nothing but a picture.
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.finish(found.content)

    async def head(self, name: str) -> None:
        await self.get(name)
