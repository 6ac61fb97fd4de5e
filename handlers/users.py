"""GET /api/users: finds people by the beginning of a name."""

import unicodedata

from db import users
from handlers.requests import problems
from handlers.requests.api import ApiHandler


class UsersHandler(ApiHandler):
    async def get(self) -> None:
        text = self.get_query_argument("search", "", strip=False)
        text = unicodedata.normalize("NFKC", text).strip().removeprefix("@")
        if not text:
            raise problems.Invalid({"search": "Enter at least one character."})
        self.services.limits.check(self.services.limits.searches, self.me.user_id)
        prefix = users.folded(text)
        if not prefix or "\0" in prefix:
            return self.reply([])  # accents alone; and PostgreSQL's `text` cannot hold NUL
        self.reply(await users.search(self.services.db, self.me.user_id, prefix))
