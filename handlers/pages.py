"""The web page: the files of static/, and index.html for every path without a file extension."""

import re

from handlers.assets import Asset, Representation
from handlers.requests import problems
from handlers.requests.base import Handler

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types service-worker",  # used by static/offline.js, for its URL only
    )
)
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()" for feature in ("camera", "geolocation", "microphone", "payment", "usb")
)


SIGN_IN_MODULE = "/components/access-page.js"


class PageHandler(Handler):
    """Serves files. Browsers revalidate them by ETag, so that the next load sees an update.

    Tornado's `StaticFileHandler` does not compress, and does not notice when a file changes.
    """

    cost = 0.25
    is_refusable = False

    _asset: Asset
    _sent: Representation

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    def check_route(self) -> None:
        """Raises `problems.NotFound` if the path is neither a file nor a place in the page."""
        path = self.path_args[0] or ""
        asset = self.services.assets.find("index.html" if is_place(path) else path)
        if asset is None:
            raise problems.NotFound
        self._asset = asset

    def get(self, path: str) -> None:
        """Answers the file; `finish` answers 304 if the client has its ETag."""
        self._sent = self._asset.accepted(self.request.headers.get("Accept-Encoding", ""))
        self.set_header("Content-Type", self._asset.content_type)
        self.set_header("Cache-Control", "no-cache")
        if self._asset.content_type.startswith("text/html"):  # other types need neither
            self.set_header("Cross-Origin-Opener-Policy", "same-origin")
            self.set_header("Permissions-Policy", PERMISSIONS_POLICY)
        if self._asset.gzipped is not None:
            self.set_header("Vary", "Accept-Encoding")
        if is_place(path):
            self.set_header("Link", self._needed_first(path))
        if self._sent is self._asset.gzipped:
            self.set_header("Content-Encoding", "gzip")
        self.finish(self._sent.body)

    def _needed_first(self, path: str) -> str:
        """Returns preload links: API answers with a session cookie, else the sign-in module."""
        if any(self.services.session_cookie.values(self.request.headers)):
            return ", ".join(map(_preload, first_asked(path)))
        return f"<{SIGN_IN_MODULE}>; rel=modulepreload"

    def head(self, path: str) -> None:
        self.get(path)

    def compute_etag(self) -> str | None:
        """Returns the file's ETag; for a place in the page, one that changes with any file."""
        if not is_place(self.path_args[0] or ""):
            return self._sent.etag
        form = "-gzip" if self._sent is self._asset.gzipped else ""
        return f'"{self.services.assets.release()}{form}"'


def is_place(path: str) -> bool:
    return "." not in path.rpartition("/")[2]


def first_asked(path: str) -> list[str]:
    """Returns the API paths that the page requests first at this place."""
    conversation = re.fullmatch(r"conversations/([1-9][0-9]*)", path)
    messages = [f"/api/{path}/messages"] if conversation else []
    return ["/api/auth_user", "/api/conversations", *messages]


def _preload(path: str) -> str:
    """Returns a preload link. `crossorigin` makes its mode match that of the page's `fetch`."""
    return f"<{path}>; rel=preload; as=fetch; crossorigin"
