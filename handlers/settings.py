"""GET and PATCH /api/settings, and PUT …/notify."""

import msgspec

from db import notify, settings
from db.conversations import Notify
from db.notify import Choice
from handlers.requests.api import ApiHandler, ConversationHandler, of_conversation


class SettingsFields(msgspec.Struct):
    """The settings to change."""

    receipts: bool | msgspec.UnsetType = msgspec.UNSET
    typing: bool | msgspec.UnsetType = msgspec.UNSET


class NotifyFields(msgspec.Struct):
    """Of which messages to be notified."""

    notify: Notify


class SettingsHandler(ApiHandler):
    async def get(self) -> None:
        self.reply(await settings.one(self.services.db, self.me.user_id))

    async def patch(self) -> None:
        fields = self.fields(SettingsFields)
        changed = await settings.change(
            self.services.db,
            self.me.user_id,
            receipts=None if fields.receipts is msgspec.UNSET else fields.receipts,
            typing=None if fields.typing is msgspec.UNSET else fields.typing,
        )
        self.reply(changed)


class NotifyHandler(ConversationHandler):
    @of_conversation
    async def put(self, conversation_id: int) -> None:
        chosen = self.fields(NotifyFields).notify
        choice = Choice(conversation_id, self.me.user_id, chosen)
        await self.services.writer.write(notify.store, choice)
        self.set_status(204)
