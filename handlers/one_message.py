"""GET, PATCH and DELETE …/messages/{messageId}."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from db import messages
from db.changes import deletions, edits
from db.changes.change import NotYours, OnNotice
from db.changes.deletions import Deletion
from db.changes.edits import Edit, OnDeleted, OtherVersion, TooLate
from db.message import Message
from handlers import content, mentions
from handlers.messages import Content
from handlers.requests import problems
from handlers.requests.api import MessageHandler, of_message

LARGEST_VERSION = 2**31 - 1  # of the column


class EditFields(msgspec.Struct):
    """A new text. With a `version`, it replaces only that version of the message."""

    content: Content
    version: int | None = None


class OneMessageHandler(MessageHandler):
    @of_message
    async def get(self, conversation_id: int, message_id: int) -> None:
        found = await messages.one(self.services.db, self.me.user_id, conversation_id, message_id)
        self.reply_snapshot(*found)

    @of_message
    async def patch(self, conversation_id: int, message_id: int) -> None:
        edit = self._edit(conversation_id, message_id)
        with _refusals_told():
            self.reply(await self._edited(edit))

    @of_message
    async def delete(self, conversation_id: int, message_id: int) -> None:
        with _refusals_told():
            await self._delete(Deletion(conversation_id, self.me.user_id, message_id))
        self.set_status(204)

    async def check_message(self, conversation_id: int, message_id: int) -> None:
        """Raises the refusals that come before a wrong field."""
        with _refusals_told():
            await edits.check_author(self.services.db, self.me.user_id, conversation_id, message_id)

    async def _edited(self, edit: Edit) -> Message:
        """Edits a message. A repeat succeeds even on a full disk or above the rate limit."""
        refusal = self.refusal()
        if refusal is None:
            return await self.services.writer.write(edits.store, edit, unbatched=True)
        stored = await edits.stored_before(self.services.db, edit)
        if stored is None:
            raise refusal
        return stored

    async def _delete(self, deletion: Deletion) -> None:
        """Deletes a message. A repeat succeeds even above the rate limit."""
        refusal = self.refusal(stores=False)
        if refusal is None:
            await self.services.writer.write(deletions.store, deletion, unbatched=True)
        elif not await deletions.is_done(self.services.db, deletion):
            raise refusal

    def _edit(self, conversation_id: int, message_id: int) -> Edit:
        fields = self.fields(EditFields)
        text = content.normalised(fields.content)
        if (wrong := content.error(text)) is not None:
            raise problems.Invalid({"content": wrong})
        version = fields.version
        if version is not None and not 0 < version <= LARGEST_VERSION:
            version = 0  # no message has it
        return Edit(
            conversation_id,
            self.me.user_id,
            message_id,
            text,
            version,
            self.services.config.edit_hours,
            mentions.called_in(text),
        )


@contextmanager
def _refusals_told() -> Iterator[None]:
    """Turns the refusals of a change into problems."""
    try:
        yield
    except OnNotice:
        raise problems.Invalid(
            {"messageId": "This is a notice, and nobody can change it."}
        ) from None
    except NotYours:
        raise problems.Forbidden("not_yours", "This is somebody else's message.") from None
    except OnDeleted:
        raise problems.Conflict("deleted", "This message has been deleted.") from None
    except OtherVersion:
        raise problems.Conflict(
            "version", "This message has changed meanwhile. Please look at it again."
        ) from None
    except TooLate:
        raise problems.Conflict("too_late", "It's too late to edit this message.") from None
