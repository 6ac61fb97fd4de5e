"""Sign-in and sign-out: /api/login, refresh_token, logout, auth_user, sign_in_methods."""

import ipaddress
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from db import snapshot, users
from db.schema_types import Time, Username
from db.users import Renaming, User, UsernameTaken
from handlers import names
from handlers.requests import limits, problems
from handlers.requests.api import ApiHandler
from handlers.requests.tokens import LIFETIME_SECONDS

_PROXY_MARKS = ("Forwarded", "X-Real-Ip", "Via")


class LoginFields(msgspec.Struct):
    """The user name to sign in with."""

    username: Username


class Grant(msgspec.Struct, rename="camel"):
    """A token, and the time at which it expires."""

    token: str
    expires_at: Time


class Login(Grant, kw_only=True, rename="camel"):
    """A token, and the user that it belongs to."""

    auth_user: User


class SignInMethods(msgspec.Struct):
    """The sign-in methods, and whether each is available."""

    dev: bool
    github: bool


class SignInHandler(ApiHandler):
    """Issues tokens, in the answer and as the cookie that the page uses."""

    @property
    def cookie_flags(self) -> dict[str, Any]:
        """SameSite is Lax, so that links from other sites, and GitHub, open a signed-in page."""
        secure = self.services.config.secure
        return {"path": "/", "httponly": True, "samesite": "Lax", "secure": secure}

    async def begin_session(self, user_id: int) -> Grant:
        user_agent = self.request.headers.get("User-Agent", "")
        return self.grant(user_id, await self.services.sessions.begin(user_id, user_agent))

    def grant(self, user_id: int, session_id: int) -> Grant:
        token, expires_at = self.services.tokens.issue(user_id, session_id)
        name, flags = self.services.session_cookie.name, self.cookie_flags
        self.set_cookie(name, token, max_age=LIFETIME_SECONDS, **flags)
        at = datetime.fromtimestamp(expires_at, UTC)
        return Grant(token, at.isoformat(timespec="milliseconds").replace("+00:00", "Z"))


class LoginHandler(SignInHandler):
    """The development sign-in: any client on this machine can sign in as any user."""

    needs_credentials = False

    def check_route(self) -> None:
        if not (self.services.config.dev_login and self._asked_from_this_machine()):
            raise problems.NotFound

    async def post(self) -> None:
        username = names.checked(self.fields(LoginFields).username)
        address = limits.network(self.request.remote_ip)
        self.services.limits.check(self.services.limits.sign_ins, address)
        user = await users.sign_in(self.services.db, username)
        grant = await self.begin_session(int(user.id))
        self.reply(Login(grant.token, grant.expires_at, auth_user=user))

    def _asked_from_this_machine(self) -> bool:
        """Whether the client is on this machine. A request through a proxy is not."""
        marked = any(
            name in _PROXY_MARKS or name.startswith("X-Forwarded-") for name in self.request.headers
        )
        return not marked and ipaddress.ip_address(self.request.remote_ip or "::").is_loopback


class RefreshTokenHandler(SignInHandler):
    async def post(self) -> None:
        self.reply(self.grant(self.me.user_id, self.me.session_id))


class LogoutHandler(SignInHandler):
    async def post(self) -> None:
        try:
            await self.services.end_session(self.me.user_id, self.me.session_id)
        except snapshot.NotFound:
            pass  # another request has just ended the session
        self.clear_cookie(self.services.session_cookie.name, **self.cookie_flags)
        self.set_status(204)


NewDisplayName = Annotated[
    str,
    msgspec.Meta(
        description="White space at both ends is removed. It must show something.",
        extra_json_schema={
            "maxLength": names.LONGEST_DISPLAY_NAME,
            "pattern": names.DISPLAY_NAME_PATTERN,
        },
    ),
]


class NameFields(msgspec.Struct, rename="camel"):
    """The names to change. A display name of null removes it."""

    username: Username | msgspec.UnsetType = msgspec.UNSET
    display_name: NewDisplayName | msgspec.UnsetType | None = msgspec.UNSET


class AuthUserHandler(ApiHandler):
    async def get(self) -> None:
        try:
            self.reply(await users.one(self.services.db, self.me.user_id))
        except snapshot.NotFound:
            raise problems.Unauthorized from None

    async def patch(self) -> None:
        renaming = self._renaming(self.fields(NameFields))
        self.services.limits.check(self.services.limits.sends, self.me.user_id)
        try:
            user = await self.services.writer.write(users.rename_all, renaming, unbatched=True)
        except snapshot.NotFound:
            raise problems.Unauthorized from None
        except UsernameTaken:
            raise problems.Conflict("username_taken", "That username is taken.") from None
        self.reply(user)

    def _renaming(self, fields: NameFields) -> Renaming:
        """Raises `problems.Invalid` with a sentence for each name that is wrong."""
        errors: dict[str, str] = {}
        username, shown = fields.username, fields.display_name
        try:
            if isinstance(username, str):
                username = names.checked_new(username)
        except problems.Invalid as problem:
            errors.update(problem.errors or {})
        try:
            if isinstance(shown, str):
                shown = names.checked_display_name(shown)
        except problems.Invalid as problem:
            errors.update(problem.errors or {})
        if errors:
            raise problems.Invalid(errors)
        unset = msgspec.UNSET
        return Renaming(
            self.me.user_id,
            username is not unset,
            None if username is unset else username,
            shown is not unset,
            None if shown is unset else shown,
        )


class SignInMethodsHandler(ApiHandler):
    needs_credentials = False
    needs_database = False

    async def get(self) -> None:
        self.reply(SignInMethods(self.services.config.dev_login, self.services.github is not None))
