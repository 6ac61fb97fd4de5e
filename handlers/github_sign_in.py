"""GET /api/oauth/github and …/callback: through GitHub, and back to the page first asked for."""

import logging
import urllib.parse
from typing import Any

from tornado.auth import OAuth2Mixin

from db import github as accounts
from db import pool
from db.users import User
from handlers import limits, problems
from handlers.attempts import LIFETIME_SECONDS, Attempt, Unknown
from handlers.github import Failed, GitHub
from handlers.sign_in import SignInHandler

LONGEST_CODE = 512  # GitHub's have 20 characters

_CALLBACK = "/api/oauth/github/callback"
_log = logging.getLogger("messenger.github")


class GitHubHandler(SignInHandler):
    """Not there where it is not configured."""

    needs_credentials = False

    def check_route(self) -> None:
        if self.app.github is None:
            raise problems.NotFound

    @property
    def github(self) -> GitHub:
        assert self.app.github is not None
        return self.app.github

    @property
    def redirect_uri(self) -> str:
        """Where GitHub sends the browser back to, and its cookie still comes along."""
        return self.app.hosts.origin_for(self.request.host) + _CALLBACK

    @property
    def cookie(self) -> str:
        """`__Host-`: no other host of the same site, and nothing without TLS, can have set it."""
        return "__Host-sign-in" if self.app.config.secure else "sign-in"

    @property
    def cookie_flags(self) -> dict[str, Any]:
        # Lax: it must come along when GitHub's page leads back here.
        secure = self.app.config.secure
        return {"path": "/", "httponly": True, "samesite": "Lax", "secure": secure}


class BeginHandler(GitHubHandler, OAuth2Mixin):
    needs_database = False

    @property
    def _OAUTH_AUTHORIZE_URL(self) -> str:  # noqa: N802
        return self.github.authorize_url

    async def get(self) -> None:
        return_to = self.get_query_argument("return_to", "/", strip=False)
        attempt, cookie = self.github.attempts.begin(return_to)
        self.set_cookie(self.cookie, cookie, max_age=LIFETIME_SECONDS, **self.cookie_flags)
        self.authorize_redirect(
            redirect_uri=self.redirect_uri,
            client_id=self.github.client_id,
            extra_params={
                "state": attempt.state,
                "code_challenge": attempt.challenge,
                "code_challenge_method": "S256",
            },
        )


class CallbackHandler(GitHubHandler):
    async def get(self) -> None:
        address = limits.network(self.request.remote_ip)
        self.app.limits.check(self.app.limits.sign_ins, address)
        return_to = "/"
        try:
            attempt = self._attempt()
            return_to = attempt.return_to
            user = await self._user(attempt)
        except Failed as failure:
            _log.warning("nobody was signed in: %s", failure)
            return self._lead_to_access_page(failure.code, return_to)
        await self.begin_session(int(user.id))
        self.redirect(return_to)

    def _attempt(self) -> Attempt:
        """The one that this browser began; it is over now, whatever comes of it."""
        cookie = self.get_cookie(self.cookie)
        self.clear_cookie(self.cookie, **self.cookie_flags)
        try:
            return self.github.attempts.finish(cookie, self._argument("state"))
        except Unknown:
            raise Failed("expired", "no sign-in of this browser's is under way") from None

    async def _user(self, attempt: Attempt) -> User:
        error, code = self._argument("error"), self._argument("code")
        if error:
            raise Failed("denied" if error == "access_denied" else "refused", "by GitHub's page")
        if not code or len(code) > LONGEST_CODE:
            raise Failed("refused", "no code came back")
        account = await self.github.account(attempt, code, self.redirect_uri)
        pool.begin_request()  # GitHub may have taken longer than a request has
        known = await accounts.known(self.app.db, account.provider, account.id)
        if known is not None and known.agrees_with(account):
            return known.user
        return await self.app.sender.sign_in(account)

    def _argument(self, name: str) -> str:
        return self.get_query_argument(name, "", strip=False)

    def _lead_to_access_page(self, code: str, return_to: str) -> None:
        query = {"error": code} | ({} if return_to == "/" else {"return_to": return_to})
        self.redirect(f"/access?{urllib.parse.urlencode(query)}")
