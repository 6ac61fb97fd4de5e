"""GET /avatars/…: the pictures of users, served from the origin of the page."""

from db import snapshot
from handlers import pictures
from handlers.requests import problems
from handlers.requests.base import Handler

# A year, the longest time in common use (RFC 9111 has no value for "for ever").
CACHE_CONTROL = "public, max-age=31536000, immutable"


class AvatarHandler(Handler):
    """Needs no credentials: the path holds a hash of the picture, so it cannot be guessed."""

    cost = 0.25
    answer_bytes = pictures.LARGEST_BYTES

    async def get(self, name: str) -> None:
        try:
            found = await self.services.avatars.one(f"/avatars/{name}")
        except snapshot.NotFound:
            raise problems.NotFound from None
        self.set_header("Content-Type", found.media_type)
        self.set_header("Cache-Control", CACHE_CONTROL)
        # A browser can open the picture as a document. The policy keeps it from running anything.
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.finish(found.content)

    async def head(self, name: str) -> None:
        await self.get(name)
