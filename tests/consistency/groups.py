"""What people do in groups: they make, change and leave them, come again, and talk."""

import uuid
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tornado.ioloop import IOLoop

from handlers.application import Messenger
from tests.consistency.machine import Act, people
from tests.consistency.pairs import Pairs, contents
from tests.support.people import Visitor

MOST_GROUPS = 4  # in one run, those that everybody has left among them
histories = st.sampled_from(("joined", "all"))
companies = st.sets(people, max_size=4)
roles = st.sampled_from(("admin", "member"))
choices = st.integers(0, 11)  # of one out of some that only the database knows

MEMBERS = """
    SELECT user_id
    FROM participants
    WHERE conversation_id = %(conversation_id)s
        AND role = ANY (%(roles)s)
    ORDER BY user_id
"""


class Groups(Pairs):
    """Each request is made by somebody who may do it, or by anybody.

    Who may do it depends on which of several requests came first, so Hypothesis draws `choices`.
    """

    def __init__(self, io_loop: IOLoop, app: Messenger, visitor: Visitor) -> None:
        super().__init__(io_loop, app, visitor)
        self.groups: list[str] = []
        self.made: list[tuple[int, dict[str, Any]]] = []  # who, with which fields

    @precondition(lambda self: len(self.groups) < MOST_GROUPS)
    @rule(who=people, others=companies, history=histories)
    def make(self, who: int, others: set[int], history: str) -> None:
        fields = {
            "name": f"Group {next(self.numbers)}",
            "usernames": [self.people[n].username for n in sorted(others)],
            "history": history,
            "clientId": str(uuid.uuid4()),
        }
        self.do(self._make(who, fields), self._make(who, fields))

    @precondition(lambda self: self.made)
    @rule(choice=choices)
    def make_again(self, choice: int) -> None:
        self.do(self._make_again(*self.made[choice % len(self.made)]))

    @precondition(lambda self: self.groups)
    @rule(group=choices, by=choices, others=st.sets(people, min_size=1, max_size=4))
    def add(self, group: int, by: int, others: set[int]) -> None:
        self.do(self._add(*self._admin(group, by), others))

    @precondition(lambda self: self.groups)
    @rule(group=choices, by=choices, member=people)
    def remove(self, group: int, by: int, member: int) -> None:
        """Removes somebody else. An admin who is drawn gives up the role."""
        admin, where = self._admin(group, by)
        if admin == member:
            self.do(self._turn(admin, where, member, "member"))
        else:
            self.do(self._remove(admin, where, member))

    @precondition(lambda self: self.groups)
    @rule(group=choices, by=choices, again=choices)
    def leave_and_come_again(self, group: int, by: int, again: int) -> None:
        """Leaves a group, and is added by one of its admins if there is still one."""
        who, where = self._member(group, by)
        self.do(self._remove(who, where, who))
        self.do(self._add(self._one_of(where, ["admin"], again), where, {who}))

    @precondition(lambda self: self.groups)
    @rule(group=choices, by=choices, member=people, role=roles)
    def turn(self, group: int, by: int, member: int, role: str) -> None:
        self.do(self._turn(*self._admin(group, by), member, role))

    @precondition(lambda self: self.groups)
    @rule(
        group=choices,
        by=choices,
        name=st.none() | st.sampled_from(("Team", "Club")),
        history=st.none() | histories,
    )
    def change(self, group: int, by: int, name: str | None, history: str | None) -> None:
        self.do(self._change(*self._admin(group, by), name, history))

    @precondition(lambda self: self.groups)
    @rule(group=choices, by=choices, content=contents)
    def send_to_a_group(self, group: int, by: int, content: str) -> None:
        self.do(self._send(*self._member(group, by), f"x{content}", str(uuid.uuid4())))

    @precondition(lambda self: self.groups)
    @rule(group=choices, by=choices, age=st.none() | st.integers(0, 5))
    def read_a_group(self, group: int, by: int, age: int | None) -> None:
        self.do(self._read(*self._member(group, by), age))

    @precondition(lambda self: self.groups)
    @rule(
        group=choices,
        by=choices,
        acts=st.lists(st.tuples(st.integers(0, 8), people, people), min_size=2, max_size=8),
    )
    def much_at_once_in_a_group(
        self, group: int, by: int, acts: list[tuple[int, int, int]]
    ) -> None:
        admin, where = self._admin(group, by)
        kinds: list[Callable[[int, int], Act]] = [
            lambda who, _: self._send(who, where, "at once", str(uuid.uuid4())),
            lambda who, _: self._send(who, where, "and more", str(uuid.uuid4())),
            lambda who, age: self._read(who, where, age),
            lambda _, other: self._add(admin, where, {other}),
            lambda _, other: self._remove(admin, where, other),
            lambda who, _: self._remove(who, where, who),
            lambda who, other: self._turn(who, where, other, "admin"),
            lambda who, n: self._change(who, where, f"Group {n}", None),
            lambda who, _: self._rename(self.people[who], next(self.numbers)),
        ]
        self.do(*(kinds[kind](who, other) for kind, who, other in acts))

    def _member(self, group: int, choice: int) -> tuple[int, str]:
        """Returns a member, or now and then anybody, and the group."""
        where = self._group(group)
        return self._one_of(where, ["admin", "member"], choice), where

    def _admin(self, group: int, choice: int) -> tuple[int, str]:
        where = self._group(group)
        return self._one_of(where, ["admin"], choice), where

    def _group(self, choice: int) -> str:
        """Returns a group that has members, if there is one."""
        full = [group for group in self.groups if self._who(group, ["admin"])]
        groups = full or self.groups
        return groups[choice % len(groups)]

    def _one_of(self, group: str, roles: list[str], choice: int) -> int:
        if choice == 0:
            return int(group) % len(self.people)
        found = self._who(group, roles) or [0]
        return found[choice % len(found)]

    def _who(self, group: str, roles: list[str]) -> list[int]:
        params = {"conversation_id": int(group), "roles": roles}
        rows = self.io_loop.run_sync(lambda: self.app.services.db.rows(MEMBERS, params))
        ids = [person.id for person in self.people]
        return [ids.index(str(user_id)) for (user_id,) in rows]

    async def _make(self, who: int, fields: dict[str, Any]) -> None:
        answer = await self.ask(who, "POST", "", fields, allowed=(200, 201))
        if answer.status == 201:
            self.groups.append(answer.json["id"])
            self.made.append((who, fields))

    async def _make_again(self, who: int, fields: dict[str, Any]) -> None:
        """Repeats a request, also if its maker has left the group, or people have other names."""
        answer = await self.ask(who, "POST", "", fields, allowed=(200, 404))
        assert answer.status == 404 or answer.json["id"] in self.groups

    async def _add(self, who: int, group: str, others: set[int]) -> None:
        fields = {"usernames": [self.people[other].username for other in sorted(others)]}
        # 422: somebody was renamed at the same time.
        await self.ask(who, "POST", f"/{group}/members", fields, allowed=(200, 403, 404, 422))

    async def _remove(self, who: int, group: str, member: int) -> None:
        path = f"/{group}/members/{self.people[member].id}"
        await self.ask(who, "DELETE", path, allowed=(204, 403, 404))

    async def _turn(self, who: int, group: str, member: int, role: str) -> None:
        path = f"/{group}/members/{self.people[member].id}"
        await self.ask(who, "PATCH", path, {"role": role}, allowed=(200, 403, 404, 409))

    async def _change(self, who: int, group: str, name: str | None, history: str | None) -> None:
        given = {"name": name, "history": history}
        fields = {key: value for key, value in given.items() if value is not None}
        await self.ask(who, "PATCH", f"/{group}", fields, allowed=(200, 403, 404))
