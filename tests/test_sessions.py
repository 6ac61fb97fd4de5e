"""Sessions as their user sees them: devices, since when, and how to end one."""

import asyncio
from collections.abc import Mapping
from typing import Any

import psycopg2
import pytest

from db import errors, users
from db.connection import Row
from db.pool import Database
from db.server.contact import Contact, awake
from db.sessions import Sessions
from handlers.application import Messenger
from tests.support.people import Person, Visitor
from tests.support.postgres import ask
from tests.support.rules import rule

LONG_AGO = "UPDATE sessions SET last_seen_at = now() - interval '10 minutes'"


async def sessions(person: Person) -> list[Any]:
    answer = await person.get("/api/sessions")
    assert answer.status == 200
    return list(answer.json)


@rule("api#sessions")
@pytest.mark.gen_test
async def test_the_session_seen_last_comes_first_and_the_present_one_is_marked(
    visitor: Visitor, db: Database
) -> None:
    people = [await visitor.sign_in("jane") for _ in range(3)]
    assert [s["current"] for s in await sessions(people[2])] == [True, False, False]
    assert [s["current"] for s in await sessions(people[0])] == [False, False, True]
    found = await sessions(people[1])
    seen = [session["lastSeenAt"] for session in found]
    assert seen == sorted(seen, reverse=True)
    assert len({session["id"] for session in found}) == 3
    assert all(session["createdAt"] <= session["lastSeenAt"] for session in found)


@pytest.mark.gen_test
async def test_use_changes_the_last_seen_time_and_not_the_creation_time(
    visitor: Visitor, app: Messenger, db: Database
) -> None:
    here, elsewhere = await visitor.sign_in("jane"), await visitor.sign_in("jane")
    await sessions(here)  # remembered from now on
    await db.rows(LONG_AGO)
    before = {s["current"]: s for s in await sessions(here)}
    app.services.sessions._living.clear()  # a minute later
    await here.get("/api/auth_user")
    after = {s["current"]: s for s in await sessions(here)}
    assert after[True]["lastSeenAt"] > before[True]["lastSeenAt"]
    assert after[True]["createdAt"] == before[True]["createdAt"]
    assert after[False] == before[False]
    assert [s["current"] for s in await sessions(here)] == [True, False]
    assert elsewhere.token != here.token


@pytest.mark.gen_test
async def test_a_user_with_an_open_stream_is_not_looked_up_again_and_still_counts_as_seen(
    visitor: Visitor, app: Messenger, db: Database
) -> None:
    jane = await visitor.sign_in("jane")
    await db.rows(LONG_AGO)
    sql = "SELECT last_seen_at FROM sessions WHERE user_id = %(id)s"
    before = await db.rows(sql, {"id": int(jane.id)})
    async with jane.stream():
        assert not app.services.sessions._used, "to open a stream is no use of its session"
        app.services.sessions._db = Database("")  # every statement fails
        assert (await jane.get("/api/auth_user")).status == 200
        app.services.sessions._db = db
    assert app.services.sessions._used
    await app.services.sessions._write_uses()
    assert await db.rows(sql, {"id": int(jane.id)}) > before


@pytest.mark.gen_test
async def test_a_refused_token_is_no_use_of_its_session(
    visitor: Visitor, app: Messenger, db: Database
) -> None:
    jane, mallory = await visitor.sign_in("jane"), await visitor.sign_in("mallory")
    await db.rows(LONG_AGO)
    (before,) = await db.rows(
        "SELECT last_seen_at FROM sessions WHERE user_id = %(id)s", {"id": int(jane.id)}
    )
    claims = app.services.tokens.read(jane.token)
    mallory.token, _ = app.services.tokens.issue(
        int(mallory.id), claims.session_id
    )  # as if she could
    assert (await mallory.get("/api/auth_user")).status == 401
    (after,) = await db.rows(
        "SELECT last_seen_at FROM sessions WHERE user_id = %(id)s", {"id": int(jane.id)}
    )
    assert after == before


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Browser/1.0 (X11; Linux)", "Browser/1.0 (X11; Linux)"),
        ("", ""),
        ("x" * 5000, "x" * 400),
        ("a\tb\x7f\x80\x9fc", "abc"),
        ("caf\xe9 <b>&amp;</b> \"'; --", "caf\xe9 <b>&amp;</b> \"'; --"),
    ],
)
@pytest.mark.gen_test
async def test_the_printable_part_of_a_user_agent_is_kept(
    visitor: Visitor, app: Messenger, sent: str, kept: str
) -> None:
    jane = await visitor.sign_in("jane")
    await app.services.sessions.begin(int(jane.id), sent)
    assert (await sessions(jane))[0]["userAgent"] == kept


@pytest.mark.gen_test
async def test_half_characters_and_nul_do_no_harm(visitor: Visitor, app: Messenger) -> None:
    jane = await visitor.sign_in("jane")
    await app.services.sessions.begin(int(jane.id), "a\0b\ud800c\u202ed")
    assert (await sessions(jane))[0]["userAgent"] == "abcd"


@pytest.mark.parametrize("sent", [b"a\0b", b"\xed\xa0\x80", b"\xff\xfe", b"a\x1bb", b"\xc2\x9b"])
@pytest.mark.gen_test
async def test_no_bytes_of_a_user_agent_make_a_sign_in_fail_by_500(
    base_url: str, http_port: int, sent: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", http_port)
    body = b'{"username": "jane"}'
    writer.write(
        b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nUser-Agent: %s\r\nContent-Length: %d\r\n\r\n%s"
        % (sent, len(body), body)
    )
    answer = await reader.read()
    writer.close()
    assert answer.split()[1] in (b"200", b"400")


@rule("api#sessions")
@pytest.mark.gen_test
async def test_another_users_session_answers_like_a_missing_one(
    visitor: Visitor,
) -> None:
    jane, mallory = await visitor.sign_in("jane"), await visitor.sign_in("mallory")
    (session,) = await sessions(jane)
    theirs = await mallory.delete(f"/api/sessions/{session['id']}")
    assert theirs.status == 404
    for path in ("999999", "9" * 19, "9" * 30, "0", "01", "-1", "x", "1.0", "%31%30%30"):
        assert (await mallory.delete(f"/api/sessions/{path}")).seen == theirs.seen
    async with jane.stream() as stream:
        await mallory.delete(f"/api/sessions/{session['id']}")
        await mallory.delete("/api/sessions")
        assert await stream.silent()
    assert len(await sessions(jane)) == 1


@pytest.mark.gen_test
async def test_ending_the_present_session_signs_out(visitor: Visitor) -> None:
    jane = await visitor.sign_in("jane")
    (session,) = await sessions(jane)
    async with jane.stream() as stream:
        answer = await jane.delete(f"/api/sessions/{session['id']}")
        assert (answer.status, answer.body) == (204, b"")
        (bye,) = await stream.rest(1)
        assert bye.data == {"reason": "revoked"}
    assert (await jane.get("/api/sessions")).status == 401


@pytest.mark.gen_test
async def test_a_repeated_end_of_other_sessions_spares_later_ones(visitor: Visitor) -> None:
    jane, old = await visitor.sign_in("jane"), await visitor.sign_in("jane")
    mallory = await visitor.sign_in("mallory")
    assert (await jane.delete("/api/sessions")).status == 204
    assert (await old.get("/api/auth_user")).status == 401
    assert [s["current"] for s in await sessions(jane)] == [True]
    assert (await jane.delete("/api/sessions")).status == 204
    assert len(await sessions(mallory)) == 1


class LosesAnswers(Database):
    """Runs each statement, but loses the answer of one that ended sessions."""

    async def _ask(self, sql: str, params: Mapping[str, Any], until: float) -> list[Row]:
        rows = await super()._ask(sql, params, until)
        if "DELETE FROM sessions" in sql and rows:
            raise errors.Unavailable("the answer was lost")
        return rows


class OpensMeanwhile(LosesAnswers):
    """Opens a stream of the session just before the answer is lost."""

    def __init__(self, dsn: str, app: Messenger, session: tuple[int, int]) -> None:
        super().__init__(dsn)
        self._app, self._session = app, session

    async def _ask(self, sql: str, params: Mapping[str, Any], until: float) -> list[Row]:
        if "DELETE FROM sessions" in sql:
            self._app.services.sessions.remember([self._session], self._app.services.sessions.ends)
        return await super()._ask(sql, params, until)


@pytest.mark.gen_test
async def test_a_session_that_was_seen_while_it_ended_is_not_remembered(
    visitor: Visitor, app: Messenger, dsn: str
) -> None:
    here, elsewhere = await visitor.sign_in("jane"), await visitor.sign_in("jane")
    (other,) = [s for s in await sessions(here) if not s["current"]]
    app.services.sessions._db = lossy = OpensMeanwhile(dsn, app, (int(other["id"]), int(here.id)))
    assert (await here.delete("/api/sessions")).status == 204
    assert (await elsewhere.get("/api/auth_user")).status == 401
    await lossy.close()


@pytest.mark.parametrize("which", ["/api/sessions/{id}", "/api/sessions"])
@pytest.mark.gen_test
async def test_streams_end_though_the_answer_of_the_database_was_lost(
    visitor: Visitor, app: Messenger, dsn: str, which: str
) -> None:
    here, elsewhere = await visitor.sign_in("jane"), await visitor.sign_in("jane")
    (other,) = [s for s in await sessions(here) if not s["current"]]
    lossy = LosesAnswers(dsn)
    async with here.stream() as kept, elsewhere.stream() as ended:
        app.services.sessions._db = lossy
        answer = await here.delete(which.format(id=other["id"]))
        assert answer.status in (204, 404)  # the repeat found nothing left to end
        (bye,) = await ended.rest(1)
        assert bye.data == {"reason": "revoked"}
        assert await kept.silent()
    assert (await elsewhere.get("/api/auth_user")).status == 401
    await lossy.close()


@pytest.mark.gen_test
async def test_expired_sessions_are_not_listed(visitor: Visitor, dsn: str) -> None:
    jane = await visitor.sign_in("jane")
    await visitor.sign_in("jane")
    with psycopg2.connect(dsn) as conn, conn.cursor() as cursor:
        cursor.execute(
            "UPDATE sessions SET last_seen_at = now() - interval '31 days' WHERE id ="
            " (SELECT max(id) FROM sessions)"
        )
    conn.close()
    assert [s["current"] for s in await sessions(jane)] == [True]


@pytest.mark.gen_test
async def test_a_server_out_of_contact_asks_the_database_about_each_session(
    db: Database, dsn: str
) -> None:
    contact = Contact(needed=True)
    contact.answered(awake())
    contact.renew(contact.losses)
    john = await users.sign_in(db, "john")
    known = Sessions(db, contact)
    session = await known.begin(int(john.id), "a browser")
    assert await known.is_living(session, int(john.id))
    ask(dsn, "DELETE FROM sessions")
    assert await known.is_living(session, int(john.id))  # remembered: others would have told
    contact.lose()
    assert not await known.is_living(session, int(john.id))
