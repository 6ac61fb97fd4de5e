"""GET …/messages/{messageId}/readers."""

from db import readers
from db.changes.change import NotYours
from db.readers import TooManyMembers
from handlers.requests import problems
from handlers.requests.api import MessageHandler, of_message


class ReadersHandler(MessageHandler):
    @of_message
    async def get(self, conversation_id: int, message_id: int) -> None:
        try:
            found = await readers.of(self.services.db, self.me.user_id, conversation_id, message_id)
        except NotYours:
            raise problems.Forbidden("not_yours", "This is somebody else's message.") from None
        except TooManyMembers:
            raise problems.Conflict(
                "too_many_members", "This conversation has too many members to tell."
            ) from None
        self.reply_snapshot(*found)
