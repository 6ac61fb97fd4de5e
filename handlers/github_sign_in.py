"""GET /api/oauth/github and …/callback: sign in with GitHub, then return to the first page."""

import logging
import urllib.parse

from tornado.auth import OAuth2Mixin

from db import github as accounts
from db import pool, used_once
from db.users import User
from handlers.github import Failed, GitHub
from handlers.oauth_states import LIFETIME_SECONDS, TAG, Attempt, Unknown, tag
from handlers.requests import cookies, limits, problems
from handlers.sign_in import SignInHandler

LONGEST_CODE = 512  # GitHub's have 20 characters

_CALLBACK = "/api/oauth/github/callback"
_log = logging.getLogger("messenger.github")


class GitHubHandler(SignInHandler):
    """Answers 404 if GitHub is not configured."""

    needs_credentials = False

    def check_route(self) -> None:
        if self.services.github is None:
            raise problems.NotFound

    @property
    def github(self) -> GitHub:
        assert self.services.github is not None
        return self.services.github

    @property
    def redirect_uri(self) -> str:
        """The callback on the host that the browser uses, so that it sends the cookie."""
        return self.services.hosts.origin_for(self.request.host) + _CALLBACK

    @property
    def cookie_prefix(self) -> str:
        """The name of an attempt's cookie, without the tag at its end."""
        return cookies.prefix(secure=self.services.config.secure) + "sign-in-"

    def clear_attempt(self, tag: str) -> None:
        self.clear_cookie(self.cookie_prefix + tag, **self.cookie_flags)


class BeginHandler(GitHubHandler, OAuth2Mixin):
    needs_database = False

    @property
    def _OAUTH_AUTHORIZE_URL(self) -> str:  # noqa: N802
        return self.github.authorize_url

    async def get(self) -> None:
        return_to = self.get_query_argument("return_to", "/", strip=False)
        attempt, cookie = self.github.attempts.begin(return_to)
        earlier = cookies.Cookies(self.cookie_prefix, TAG).read(self.request.headers)
        for surplus in self.github.attempts.surplus(earlier, cookie):
            self.clear_attempt(surplus)
        name = self.cookie_prefix + attempt.tag
        self.set_cookie(name, cookie, max_age=LIFETIME_SECONDS, **self.cookie_flags)
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
    def check_source(self) -> None:
        """Allows page loads only: a page of another site could embed this URL as an image."""
        super().check_source()
        destination = self.request.headers.get("Sec-Fetch-Dest", "document")
        if destination.strip().lower() != "document":
            raise problems.Forbidden("not_a_page", "Open this link in a browser tab.")

    async def get(self) -> None:
        try:
            attempt = self._attempt()
            address = limits.network(self.request.remote_ip)
            self.services.limits.check(self.services.limits.sign_ins, address)
            await self._finish(attempt)
        except Unknown:
            return await self._lead_on()
        try:
            user = await self._user(attempt)
        except Failed as failure:
            _log.warning("a sign-in failed: %s", failure)
            return self._lead_to_access_page(failure.code, attempt.return_to)
        await self.begin_session(int(user.id))
        self.redirect(attempt.return_to)

    def _attempt(self) -> Attempt:
        """Returns the attempt that this browser began and has not used. Raises `Unknown`."""
        state = self._argument("state")
        own = cookies.Cookies(self.cookie_prefix + tag(state)).read(self.request.headers)
        _, cookie = next(own, ("", None))
        return self.github.attempts.living(cookie, state)

    async def _finish(self, attempt: Attempt) -> None:
        """Ends the attempt before GitHub is called, so that it is used once, on any server.

        Attempts of other tabs stay. Raises `Unknown` if it was used before.
        """
        if not await used_once.use(self.services.db, attempt.state, LIFETIME_SECONDS):
            raise Unknown
        self.clear_attempt(attempt.tag)

    async def _lead_on(self) -> None:
        """Redirects to the page if the browser is signed in, and else to the access page."""
        self.clear_attempt(tag(self._argument("state")))
        try:
            await self.credentials()
        except problems.Unauthorized:
            _log.warning("a sign-in failed: this browser did not begin it, or it has expired")
            return self._lead_to_access_page("expired", "/")
        self.redirect("/")

    async def _user(self, attempt: Attempt) -> User:
        error, code = self._argument("error"), self._argument("code")
        if error:
            raise Failed("denied" if error == "access_denied" else "refused", "by GitHub's page")
        if not code or len(code) > LONGEST_CODE:
            raise Failed("refused", "no code came back")
        account = await self.github.account(attempt, code, self.redirect_uri)
        pool.begin_request()  # a new deadline: the calls to GitHub may have used up the first
        known = await accounts.known(self.services.db, account.provider, account.id)
        if known is not None and known.agrees_with(account):
            return known.user
        return await self.services.writer.sign_in(account)

    def _argument(self, name: str) -> str:
        return self.get_query_argument(name, "", strip=False)

    def _lead_to_access_page(self, code: str, return_to: str) -> None:
        query = {"error": code} | ({} if return_to == "/" else {"return_to": return_to})
        self.redirect(f"/access?{urllib.parse.urlencode(query)}")
