"""GET /api/usernames: finds user names by their beginning."""

from db import users
from handlers.requests import problems
from handlers.requests.api import ApiHandler


class UsernamesHandler(ApiHandler):
    async def get(self) -> None:
        search = self.get_query_argument("search", "", strip=False)
        if not search:
            raise problems.Invalid({"search": "Enter at least one character."})
        self.services.limits.check(self.services.limits.searches, self.me.user_id)
        if not search.isascii() or "\0" in search:
            return self.reply([])  # names are ASCII, and PostgreSQL's `text` cannot hold NUL
        self.reply(await users.usernames(self.services.db, self.me.user_id, search))
