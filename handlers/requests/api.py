"""The base classes of the handlers under /api/: credentials, JSON bodies, pages of lists."""

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Concatenate, TypeVar
from urllib.parse import urlencode

import msgspec

from db import conversations, messages, pool, snapshot
from db.snapshot import Keyset, Page
from db.windows import Side, Window
from handlers.requests import body, cursors, limits, page_of_json, problems
from handlers.requests.base import Handler
from handlers.requests.tokens import Claims

DEFAULT_LIMIT = 25
LARGEST_LIMIT = 100
LARGEST_ID = 2**63 - 1
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

Fields = TypeVar("Fields", bound=msgspec.Struct)
Handlers = TypeVar("Handlers", bound="ConversationHandler")
MessageHandlers = TypeVar("MessageHandlers", bound="MessageHandler")


class ApiHandler(Handler):
    """Continues the order of refusals: readiness, credentials, then the type of the body."""

    needs_database = True
    needs_credentials = True
    answer_bytes = page_of_json.LARGEST_BYTES
    me: Claims

    async def prepare(self) -> None:
        super().prepare()
        self.set_header("Cache-Control", "no-store")
        if self.needs_database:
            self.check_readiness()
        pool.begin_request()
        if self.needs_credentials:
            await self.authenticate()
        if self.request.body:
            self._check_media_type()

    async def head(self, *args: str) -> None:
        answered = self.get(*args)
        if answered is not None:
            await answered

    def check_readiness(self) -> None:
        if self.services.draining:
            raise problems.Draining
        if self.services.db.unavailable:
            raise problems.DatabaseUnavailable

    async def authenticate(self) -> None:
        self.me = await self.credentials()
        self.check_user()

    async def credentials(self) -> Claims:
        """Returns the claims of the first token with a live session.

        Raises `problems.Unauthorized`.
        """
        for claims in self.presented_claims():
            if await self.services.sessions.is_living(claims.session_id, claims.user_id):
                return claims
        raise problems.Unauthorized

    def check_user(self) -> None:
        """Raises `problems.OtherUser` if `X-User` names another user than the token.

        Another tab of the browser may have signed in as a different user.
        """
        named = self.request.headers.get("X-User")
        if named is not None and named != str(self.me.user_id):
            raise problems.OtherUser

    def fields(self, kind: type[Fields]) -> Fields:
        """Decodes the body of the request. Raises a `problems.Problem`."""
        self._check_media_type()
        return body.decoded(self.request.body, kind)

    def query_argument(self, name: str) -> str | None:
        """Returns the last value of that name in the query, or None."""
        if name not in self.request.query_arguments:
            return None
        return self.get_query_argument(name, strip=False)

    def limit(self) -> int:
        text = self.query_argument("limit")
        if text is None:
            return DEFAULT_LIMIT
        if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or not 1 <= int(text) <= LARGEST_LIMIT:
            raise problems.Invalid({"limit": f"Choose a number from 1 to {LARGEST_LIMIT}."})
        return int(text)

    def keyset(self, of: str, newest: Keyset) -> Keyset:
        """Returns the place of the page in the list `of`, from the cursor in the query.

        Without a cursor, it is `newest`. Raises `problems.Invalid`.
        """
        text = self.query_argument("cursor")
        if text is None:
            return newest
        try:
            return cursors.opened(self.services.secret, of, text)
        except cursors.Unknown:
            raise problems.Invalid(
                {"cursor": "This link doesn't work any more. Start from the first page."}
            ) from None

    def check_etag_header(self) -> bool:
        """Skips Tornado's check, because no answer under /api/ has an ETag."""
        return False

    def reply(self, answer: object, status: int = 200) -> None:
        self.set_status(status)
        self.reply_json(msgspec.json.encode(answer))

    def reply_json(self, encoded: bytes) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(encoded)

    def reply_snapshot(self, position: str, answer: object) -> None:
        self.set_header("Last-Event-ID", position)
        self.reply(answer)

    def reply_page(self, of: str, page: Page[Any], **query: int | str) -> None:
        """Answers a page of a list, with a link to the next page if there is one (RFC 8288).

        `query` has further parameters for that link.
        """
        encoded, count = page_of_json.encoded(page.items)
        if page.has_more or count < len(page.items):
            self.set_header("Link", self._link("next", of, page.keyset_of(count - 1), query))
        self.reply_json(encoded)

    def reply_window(self, of: str, window: Window, **query: int | str) -> None:
        """Answers a part of a conversation, with links to older and newer messages.

        `of` and `query` are those of `reply_page`.
        """
        encoded, shown = page_of_json.encoded_around(window.items, window.middle)
        links = []
        if window.items and (window.has_older or shown.stop < len(window.items)):
            oldest = int(window.items[shown.stop - 1].id)
            links.append(self._link("next", of, (Side.OLDER, oldest), query))
        if window.items and (window.has_newer or shown.start > 0):
            newest = int(window.items[shown.start].id)
            links.append(self._link("prev", of, (Side.NEWER, newest), query))
        if links:
            self.set_header("Link", ", ".join(links))
        self.reply_json(encoded)

    def _link(self, rel: str, of: str, place: Keyset, query: Mapping[str, int | str]) -> str:
        cursor = cursors.sealed(self.services.secret, of, place)
        target = f"{self.request.path}?{urlencode({**query, 'cursor': cursor})}"
        return f'<{target}>; rel="{rel}"'

    def _check_media_type(self) -> None:
        media_type = self.request.headers.get("Content-Type", "").partition(";")[0]
        if media_type.strip().lower() != "application/json":
            raise problems.UnsupportedMediaType


class ConversationHandler(ApiHandler):
    """A handler for a route under one conversation. It answers 404 to a user outside of it."""

    async def check_member(self, conversation_id: int) -> None:
        try:
            await conversations.check_member(self.services.db, self.me.user_id, conversation_id)
        except snapshot.NotFound:
            raise problems.NotFound from None

    def refusal(self, *, stores: bool = True) -> problems.Problem | None:
        """Counts a send, and returns why it is refused if it is no repeat: the disk, or the rate.

        With `stores=False`, it makes room on the disk.
        """
        if stores and self.services.disk.is_low:
            return problems.StorageFull()
        wait = self.services.limits.sends.take(self.me.user_id)
        return limits.too_many(wait) if wait else None


class MessageHandler(ConversationHandler):
    """A handler for a route under one message. It answers 404 to a user who does not see it."""

    async def check_message(self, conversation_id: int, message_id: int) -> None:
        """Raises the refusal that comes before a wrong field."""
        await messages.check_seen(self.services.db, self.me.user_id, conversation_id, message_id)


Method = Callable[Concatenate[Handlers, ...], Awaitable[None]]


def of_conversation(method: Method[Handlers]) -> Method[Handlers]:
    """Wraps a method that takes a conversation's id, and ids within it, as numbers.

    Membership is checked before fields. So a user outside of the conversation gets 404, and never
    learns which fields are invalid.
    """

    @functools.wraps(method)
    async def answer(self: Handlers, *digits: str) -> None:
        ids = [id_of(text) for text in digits]
        try:
            await method(self, *ids)
        except snapshot.NotFound:
            raise problems.NotFound from None
        except problems.Invalid:
            await self.check_member(ids[0])
            raise

    return answer


def of_message(method: Method[MessageHandlers]) -> Method[MessageHandlers]:
    """Like `of_conversation`, for a message in it, which the user must see.

    The method gets the other parts of the path unchanged.
    """

    @functools.wraps(method)
    async def answer(self: MessageHandlers, conversation: str, message: str, *others: str) -> None:
        ids = id_of(conversation), id_of(message)
        try:
            try:
                await method(self, *ids, *others)
            except problems.Invalid:
                await self.check_message(*ids)
                raise
        except snapshot.NotFound:
            raise problems.NotFound from None

    return answer


def id_of(digits: str) -> int:
    """Returns the id; 0, which nothing has, for one that is too large."""
    number = int(digits) if len(digits) < 20 else 0
    return number if number <= LARGEST_ID else 0


class UnknownRoute(Handler):
    def check_route(self) -> None:
        raise problems.NotFound
