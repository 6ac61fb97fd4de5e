"""POST and GET …/messages, POST …/read_messages."""

import re
import uuid
from typing import Annotated

import msgspec

from db import messages, windows
from db.messages import ClientIdReused, Draft, NoSuchReply, Stored
from db.reads import NoSuchMessage, Reading
from db.schema_types import Id, Uuid
from db.windows import Anchor, Side
from handlers import content, mentions
from handlers.requests import problems
from handlers.requests.api import LARGEST_ID, UUID, ConversationHandler, id_of, of_conversation

_ID = re.compile(r"[1-9][0-9]*")
_ID_OR_ZERO = re.compile(r"0|[1-9][0-9]{0,18}")


Content = Annotated[
    str,
    msgspec.Meta(
        description="CRLF becomes LF. Blank lines at the start and white space at the end are"
        " removed. A text without a visible character is refused.",
        extra_json_schema={"maxLength": content.LONGEST, "pattern": content.PATTERN},
    ),
]


class MessageFields(msgspec.Struct, rename="camel"):
    """A message to store. With a `clientId` it is stored once, even if it is sent again."""

    content: Content
    client_id: Uuid | None = None
    reply_to_id: Id | None = None


class ReadFields(msgspec.Struct, rename="camel"):
    """The last message that the user has read. Without an id, it is the newest one."""

    last_read_message_id: Id | None = None


class MessagesHandler(ConversationHandler):
    @of_conversation
    async def get(self, conversation_id: int) -> None:
        around = self.query_argument("around")
        if around is not None:
            return await self._get_around(conversation_id, around)
        limit, after = self.limit(), self._after()
        of = f"messages of {conversation_id}" + ("" if after is None else f" after {after}")
        place = self.keyset(of, messages.NEWEST)
        position, page = await messages.page(
            self.services.db,
            self.me.user_id,
            conversation_id,
            before=place,
            after=after or 0,
            limit=limit,
        )
        kept = {} if after is None else {"after": after}
        self.set_header("Last-Event-ID", position)
        self.reply_page(of, page, limit=limit, **kept)

    async def _get_around(self, conversation_id: int, around: str) -> None:
        message_id = id_of(around) if _ID.fullmatch(around) else 0
        try:
            limit, of = self.limit(), f"messages of {conversation_id} around {message_id}"
            anchor = Anchor(*self.keyset(of, Anchor(Side.AROUND, message_id)))
            if self.query_argument("after") is not None:
                raise problems.Invalid({"after": "This doesn't go together with around."})
        except problems.Invalid:
            await messages.check_seen(
                self.services.db, self.me.user_id, conversation_id, message_id
            )
            raise
        position, window = await windows.page(
            self.services.db, self.me.user_id, conversation_id, anchor, limit=limit
        )
        self.set_header("Last-Event-ID", position)
        self.reply_window(of, window, limit=limit, around=message_id)

    def _after(self) -> int | None:
        """Returns the id that all requested messages are above. It need not exist."""
        text = self.query_argument("after")
        if text is None:
            return None
        if not _ID_OR_ZERO.fullmatch(text) or int(text) > LARGEST_ID:
            raise problems.Invalid({"after": "This must be a message id, or 0."})
        return int(text)

    @of_conversation
    async def post(self, conversation_id: int) -> None:
        draft = self._draft(conversation_id)
        try:
            message, created = await self._stored(draft)
        except ClientIdReused:
            raise problems.Conflict(
                "client_id_reused", "This clientId already belongs to a different message."
            ) from None
        except NoSuchReply:
            raise problems.Invalid(
                {"replyToId": "This isn't a message in this conversation."}
            ) from None
        self.reply(message, 201 if created else 200)

    async def _stored(self, draft: Draft) -> Stored:
        """Stores a message. A repeat succeeds even on a full disk or above the rate limit."""
        refusal = self.refusal()
        if refusal is None:
            return await self.services.writer.send(draft)
        earlier = await messages.stored_before(self.services.db, draft)
        if earlier is None:
            raise refusal
        return Stored(earlier, created=False)

    def _draft(self, conversation_id: int) -> Draft:
        fields = self.fields(MessageFields)
        errors = {}
        text = content.normalised(fields.content)
        if (wrong := content.error(text)) is not None:
            errors["content"] = wrong
        if fields.client_id is not None and not UUID.fullmatch(fields.client_id):
            errors["clientId"] = "This must be a UUID."
        if fields.reply_to_id is not None and not _ID.fullmatch(fields.reply_to_id):
            errors["replyToId"] = "This must be a message id."
        if errors:
            raise problems.Invalid(errors)
        client_id = fields.client_id or str(uuid.uuid4())
        return Draft(
            conversation_id,
            self.me.user_id,
            text,
            client_id.lower(),
            client_id_given=fields.client_id is not None,
            reply_to_id=None if fields.reply_to_id is None else id_of(fields.reply_to_id),
            names=mentions.called_in(text),
        )


class ReadMessagesHandler(ConversationHandler):
    @of_conversation
    async def post(self, conversation_id: int) -> None:
        message_id = self._message_id()
        try:
            await self.services.writer.mark_read(
                Reading(conversation_id, self.me.user_id, message_id)
            )
        except NoSuchMessage:
            raise _no_such_message() from None
        self.set_status(204)

    def _message_id(self) -> int | None:
        """Returns the id in the body; None stands for the newest message."""
        if not self.request.body:
            return None
        given = self.fields(ReadFields).last_read_message_id
        if given is None:
            return None
        if not _ID.fullmatch(given) or id_of(given) == 0:
            raise _no_such_message()
        return id_of(given)


def _no_such_message() -> problems.Invalid:
    return problems.Invalid({"lastReadMessageId": "This isn't a message in this conversation."})
