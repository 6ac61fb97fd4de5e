"""POST …/typing."""

from db import typing_event
from db.typing_event import Typing
from handlers.requests.api import ConversationHandler, of_conversation


class TypingHandler(ConversationHandler):
    @of_conversation
    async def post(self, conversation_id: int) -> None:
        user_id = self.me.user_id
        others = await typing_event.audience(self.services.db, user_id, conversation_id)
        if others and not self.services.limits.typing.take((user_id, conversation_id)):
            told = Typing(str(conversation_id), str(user_id))
            self.services.publish_transient(others, told, typing_event.NAME)
        self.set_status(204)
