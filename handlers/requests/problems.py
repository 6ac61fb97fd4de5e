"""Error answers, as problem details (RFC 9457). Raising a `Problem` ends the request.

Problem
├── BadRequest 400           ├── NotAcceptable 406
├── Unauthorized 401         ├── Conflict 409
├── Forbidden 403            ├── UnsupportedMediaType 415
├── NotFound 404             ├── Misdirected 421
├── MethodNotAllowed 405     ├── Invalid 422
├── TooMany 429             ├── Unavailable 503
└── StorageFull 507         └── Internal 500
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

import msgspec
from tornado.web import HTTPError

RETRY_SECONDS = 2
STORAGE_RETRY_SECONDS = 10  # longer, because the operator has to make room


class Details(msgspec.Struct):
    """What went wrong (RFC 9457): `code` is for programs, `detail` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: Mapping[str, str] | msgspec.UnsetType = msgspec.UNSET  # a sentence by field, with 422


class Problem(HTTPError):
    """An error answer. `code` is stable and for programs; `detail` is for people."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(self.status)
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.errors = errors

    def body(self) -> bytes:
        told = Details(
            type="about:blank",
            title=self.status.phrase,
            status=int(self.status),
            detail=self.detail,
            code=self.code,
            errors=self.errors or msgspec.UNSET,
        )
        return msgspec.json.encode(told)


class BadRequest(Problem):
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, detail: str, code: str = "bad_request") -> None:
        super().__init__(code, detail)


class Unauthorized(Problem):
    status = HTTPStatus.UNAUTHORIZED

    def __init__(self) -> None:
        # One sentence for all reasons, so that it gives no hint to an attacker with a bad token.
        super().__init__(
            "unauthorized",
            "You're not signed in, or your session has ended.",
            headers={"WWW-Authenticate": "Bearer"},
        )


class Forbidden(Problem):
    status = HTTPStatus.FORBIDDEN


class NotFound(Problem):
    status = HTTPStatus.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("not_found", "Not found, or not accessible to you.")


class MethodNotAllowed(Problem):
    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self, allowed: Iterable[str]) -> None:
        listed = ", ".join(allowed)
        super().__init__(
            "method_not_allowed",
            f"This method isn't allowed here. Use {listed}.",
            headers={"Allow": listed},
        )


class NotAcceptable(Problem):
    status = HTTPStatus.NOT_ACCEPTABLE

    def __init__(self) -> None:
        super().__init__(
            "not_acceptable", "This is an event stream. Send the header Accept: text/event-stream."
        )


class Conflict(Problem):
    status = HTTPStatus.CONFLICT


class OtherUser(Conflict):
    """The credential belongs to another user than `X-User` names."""

    def __init__(self) -> None:
        super().__init__("other_user", "You're now signed in as a different user.")


class ContentTooLarge(Problem):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self) -> None:
        super().__init__("content_too_large", "The request body is too large.")


class UriTooLong(Problem):
    status = HTTPStatus.REQUEST_URI_TOO_LONG

    def __init__(self) -> None:
        super().__init__("uri_too_long", "The address is too long.")


class HeadersTooLarge(Problem):
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE

    def __init__(self) -> None:
        super().__init__("headers_too_large", "The request headers are too large.")


class UnsupportedMediaType(Problem):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE

    def __init__(self) -> None:
        super().__init__("unsupported_media_type", "Send the request body as application/json.")


class Misdirected(Problem):
    status = HTTPStatus.MISDIRECTED_REQUEST

    def __init__(self) -> None:
        super().__init__(
            "misdirected",
            "This server doesn't serve that host. Its operator can add it to --allowed-hosts.",
        )


class Invalid(Problem):
    """A well-formed request with invalid fields or parameters. `errors` has a sentence for each."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("invalid_field", " ".join(errors.values()), errors=errors)


class TooMany(Problem):
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, code: str, detail: str, retry_seconds: int = RETRY_SECONDS) -> None:
        super().__init__(code, detail, headers={"Retry-After": str(retry_seconds)})


class Unavailable(Problem):
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, code: str, detail: str, retry_seconds: int = RETRY_SECONDS) -> None:
        super().__init__(code, detail, headers={"Retry-After": str(retry_seconds)})


class Draining(Unavailable):
    def __init__(self) -> None:
        super().__init__("draining", "The server is restarting. Please try again in a moment.")


class DatabaseUnavailable(Unavailable):
    """One sentence for all reasons. The reasons name hosts and roles, so only the log has them."""

    def __init__(self) -> None:
        super().__init__(
            "database_unavailable",
            "The server can't reach its database. Please try again in a moment.",
        )


class BeingUpgraded(Unavailable):
    def __init__(self) -> None:
        super().__init__(
            "upgrading",
            "The server is being updated, and can't do this yet. Please try again in a moment.",
        )


class StorageFull(Problem):
    status = HTTPStatus.INSUFFICIENT_STORAGE

    def __init__(self) -> None:
        super().__init__(
            "storage_full",
            "The server's disk is almost full. Messages can't be stored right now.",
            headers={"Retry-After": str(STORAGE_RETRY_SECONDS)},
        )


class Internal(Problem):
    def __init__(self) -> None:
        super().__init__("internal_error", "Something went wrong on the server. Please try again.")


_SENTENCES = {
    400: "The server couldn't understand this request.",
    408: "The request took too long to arrive.",
}


class Framework(Problem):
    """An error that Tornado raised, or input that is not a request."""

    def __init__(self, status: int) -> None:
        self.status = HTTPStatus(status)
        sentence = _SENTENCES.get(status, f"The server refused this: {self.status.phrase}.")
        super().__init__(self.status.name.lower(), sentence)


def refusal(status: int) -> bytes:
    """Returns the body of an answer to input that is not a request; see `http1/connection.py`."""
    match status:
        case 413:
            return ContentTooLarge().body()
        case 414:
            return UriTooLong().body()
        case 431:
            return HeadersTooLarge().body()
        case _:
            return Framework(status).body()
