"""…/messages/{messageId}/reactions, and PUT and DELETE …/reactions/{emoji}."""

from db.changes import reactions
from db.changes.change import OnNotice
from db.changes.edits import OnDeleted
from db.changes.reactions import Reacting, TooMany
from handlers import emoji
from handlers.requests import limits, problems
from handlers.requests.api import MessageHandler, of_message


class ReactionsHandler(MessageHandler):
    @of_message
    async def get(self, conversation_id: int, message_id: int) -> None:
        of = f"reactions to {message_id} of {conversation_id}"
        limit, place = self.limit(), self.keyset(of, reactions.NEWEST)
        position, page = await reactions.page(
            self.services.db,
            self.me.user_id,
            conversation_id,
            message_id,
            before=place,
            limit=limit,
        )
        self.set_header("Last-Event-ID", position)
        self.reply_page(of, page, limit=limit)


class ReactionHandler(MessageHandler):
    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Accepts bytes that are no UTF-8, so that they are refused as no emoji."""
        return value.decode("utf-8", "replace")

    @of_message
    async def put(self, conversation_id: int, message_id: int, text: str) -> None:
        await self._react(Reacting(conversation_id, self.me.user_id, message_id, text, True))

    @of_message
    async def delete(self, conversation_id: int, message_id: int, text: str) -> None:
        await self._react(Reacting(conversation_id, self.me.user_id, message_id, text, False))

    async def _react(self, asked: Reacting) -> None:
        reacting = asked._replace(emoji=_emoji(asked.emoji))
        try:
            await self._store(reacting)
        except OnNotice:
            raise problems.Invalid({"message": "Nobody can react to this."}) from None
        except OnDeleted:
            raise problems.Conflict("deleted", "This message has been deleted.") from None
        except TooMany:
            raise problems.Conflict(
                "too_many_reactions", "This message has too many different reactions."
            ) from None
        self.set_status(204)

    async def _store(self, reacting: Reacting) -> None:
        """A request that changes nothing succeeds even on a full disk or above the rate limit."""
        refusal = self._refusal(reacting)
        if refusal is None:
            await self.services.writer.write(reactions.store, reacting)
        elif await reactions.would_change(self.services.db, reacting):
            raise refusal

    def _refusal(self, reacting: Reacting) -> problems.Problem | None:
        if reacting.is_there and self.services.disk.is_low:
            return problems.StorageFull()
        wait = self.services.limits.reactions.take(reacting.user_id)
        return limits.too_many(wait) if wait else None


def _emoji(text: str) -> str:
    found = emoji.fully_qualified(text)
    if found is None:
        raise problems.Invalid({"emoji": "This must be one emoji."})
    return found
