"""/api/conversations, /api/conversations/{id}, and …/other_participant."""

from db import conversations, snapshot
from db.conversations import Opening, WithOneself
from db.groups import changing
from handlers import groups, names
from handlers.groups import GroupHandler, OpeningFields, PairFields, of_group
from handlers.requests import limits, problems
from handlers.requests.api import ApiHandler, ConversationHandler, of_conversation


class ConversationsHandler(ApiHandler):
    async def get(self) -> None:
        limit, place = self.limit(), self.keyset("conversations", conversations.NEWEST)
        found = await conversations.page(
            self.services.db, self.me.user_id, before=place, limit=limit
        )
        if found.unread_total is not None:
            self.set_header("Unread-Total", str(found.unread_total))
        self.set_header("Last-Event-ID", found.position)
        self.reply_page("conversations", found.page, limit=limit)

    async def post(self) -> None:
        wanted = self.fields(OpeningFields)
        if wanted.is_group:
            if wanted.username is not None:
                raise problems.Invalid({"username": "A group has usernames instead."})
            conversation_id, created = await groups.make(self, groups.making_of(self))
            assert conversation_id is not None
            return await self._reply_made(conversation_id, created)
        username = names.checked(self.fields(PairFields).username)
        try:
            conversation_id, created = await self._opened(Opening(self.me.user_id, username))
        except snapshot.NotFound:
            raise problems.NotFound from None
        except WithOneself:
            raise problems.Forbidden(
                "conversation_with_oneself", "You can't start a conversation with yourself."
            ) from None
        await self._reply_made(conversation_id, created)

    async def _reply_made(self, conversation_id: int, created: bool) -> None:
        try:
            _, made = await conversations.one(self.services.db, self.me.user_id, conversation_id)
        except snapshot.NotFound:  # a group that the user has left
            raise problems.NotFound from None
        self.set_header("Location", f"/api/conversations/{made.id}")
        self.reply(made, 201 if created else 200)

    async def _opened(self, opening: Opening) -> tuple[int, bool]:
        """Returns the id, and whether the conversation is new.

        Above the rate limit, it still returns an existing conversation.
        """
        wait = self.services.limits.conversations.take(opening.user_id)
        if not wait:
            opened = await self.services.writer.open(opening)
            return opened.conversation_id, opened.created
        known = await conversations.opened_before(self.services.db, opening)
        if known is None:
            raise limits.too_many(wait)
        return known, False


class OneConversationHandler(GroupHandler):
    @of_conversation
    async def get(self, conversation_id: int) -> None:
        found = await conversations.one(self.services.db, self.me.user_id, conversation_id)
        self.reply_snapshot(*found)

    @of_group
    async def patch(self, conversation_id: int) -> None:
        await self.stored(changing.change_all, groups.changing_of(self, conversation_id))
        found = await conversations.one(self.services.db, self.me.user_id, conversation_id)
        self.reply_snapshot(*found)


class OtherParticipantHandler(ConversationHandler):
    @of_conversation
    async def get(self, conversation_id: int) -> None:
        found = await conversations.other_participant(
            self.services.db, self.me.user_id, conversation_id
        )
        self.reply_snapshot(*found)
