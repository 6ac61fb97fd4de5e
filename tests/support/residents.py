"""Users with a session in the database, for servers whose sign-in a test cannot use."""

import time

import jwt

from tests.support import secret_leaks
from tests.support.postgres import ask

LIFETIME_SECONDS = 3600


def resident(dsn: str, username: str, secret: str) -> tuple[str, str]:
    """Returns the id and a token of a new user."""
    (user,) = ask(dsn, "INSERT INTO users (username) VALUES (%s) RETURNING id", [username])[0]
    ask(dsn, "INSERT INTO feeds (user_id) VALUES (%s)", [user])
    return str(user), another_token(dsn, str(user), secret)


def another_token(dsn: str, user_id: str, secret: str) -> str:
    """Returns the token of a new session."""
    sql = "INSERT INTO sessions (user_id, user_agent) VALUES (%s, 'test') RETURNING id"
    (session,) = ask(dsn, sql, [user_id])[0]
    now = int(time.time())
    claims = {"sub": user_id, "sid": str(session), "iat": now, "exp": now + LIFETIME_SECONDS}
    token = jwt.encode(claims, secret, "HS256")
    secret_leaks.note(token)
    return token
