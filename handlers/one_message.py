"""GET …/messages/{messageId}."""

from db import messages
from handlers.requests.api import MessageHandler, of_message


class OneMessageHandler(MessageHandler):
    @of_message
    async def get(self, conversation_id: int, message_id: int) -> None:
        found = await messages.one(self.services.db, self.me.user_id, conversation_id, message_id)
        self.reply_snapshot(*found)
