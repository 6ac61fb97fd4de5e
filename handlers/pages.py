"""The web page: files of static/, and index.html for every path that is a place in the page."""

from tornado.web import HTTPError, StaticFileHandler

from handlers import problems
from handlers.base import Handler

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)


class PageHandler(Handler, StaticFileHandler):
    """Files with an ETag, asked for anew each time, so that an update is seen at the next load."""

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")

    def check_route(self) -> None:
        """A path that is no file under the root is no route."""
        self.path = self.parse_url_path(self.path_args[0] or "")
        if "\0" in self.path:
            raise problems.NotFound
        try:
            self.validate_absolute_path(self.root, self.get_absolute_path(self.root, self.path))
        except HTTPError:
            raise problems.NotFound from None

    def parse_url_path(self, url_path: str) -> str:
        return url_path if "." in url_path.rpartition("/")[2] else "index.html"

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")

    def compute_etag(self) -> str | None:
        return StaticFileHandler.compute_etag(self)

    async def head(self, path: str) -> None:
        await self.get(path, include_body=False)
