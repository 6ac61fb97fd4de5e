"""GET /api/users: finds people by the beginning of a name."""

from db import users
from handlers import names
from handlers.requests.api import ApiHandler


class UsersHandler(ApiHandler):
    async def get(self) -> None:
        prefix = names.searched(self.get_query_argument("search", "", strip=False))
        self.services.limits.check(self.services.limits.searches, self.me.user_id)
        if prefix is None:
            return self.reply([])
        self.reply(await users.search(self.services.db, self.me.user_id, prefix))
