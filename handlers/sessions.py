"""GET and DELETE /api/sessions: lists and ends the user's sessions."""

from db import sessions, snapshot
from handlers.requests import problems
from handlers.requests.api import LARGEST_ID, ApiHandler


class SessionsHandler(ApiHandler):
    async def get(self) -> None:
        place = self.keyset("sessions", sessions.LATEST)
        page = await self.services.sessions.of(self.me.user_id, self.me.session_id, before=place)
        self.reply_page("sessions", page)

    async def delete(self) -> None:
        await self.services.end_other_sessions(self.me.user_id, self.me.session_id)
        self.set_status(204)


class SessionHandler(ApiHandler):
    async def delete(self, digits: str) -> None:
        session_id = int(digits) if len(digits) < 20 else LARGEST_ID + 1
        if session_id > LARGEST_ID:
            raise problems.NotFound
        try:
            await self.services.end_session(self.me.user_id, session_id)
        except snapshot.NotFound:
            raise problems.NotFound from None
        self.set_status(204)
