"""Groups: POST /api/conversations with a name, PATCH /api/conversations/{id}, and the members."""

import functools
import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Concatenate, TypeVar

import msgspec

from db.conversations import Role
from db.groups import listing, making, members, rights
from db.groups.changing import Changing
from db.groups.making import GroupFull, Made, Making
from db.groups.members import Adding, Done, Removing, Turning
from db.groups.names import UnknownNames
from db.groups.rights import LastAdmin, NotAdmin, NotAGroup
from db.jobs import Store
from db.message import History
from db.messages import ClientIdReused
from db.schema_types import Username, Uuid
from db.snapshot import NotFound
from handlers import names
from handlers.requests import limits, problems
from handlers.requests.api import UUID, ApiHandler, ConversationHandler, id_of, of_conversation

MOST_NAMED = 999  # when a group is made
MOST_ADDED = 100  # at once

GroupName = Annotated[
    str,
    msgspec.Meta(
        description="White space at both ends is removed. It must show something.",
        extra_json_schema={
            "maxLength": names.LONGEST_GROUP_NAME,
            "pattern": names.LINE_PATTERN,
        },
    ),
]


class PairFields(msgspec.Struct):
    """The body of a request that starts a conversation with `username`."""

    username: Username


class GroupFields(msgspec.Struct, rename="camel"):
    """A group to make, with you as its admin. With a `clientId` it is made once."""

    name: GroupName
    usernames: Annotated[list[Username], msgspec.Meta(extra_json_schema={"maxItems": MOST_NAMED})]
    history: History = "joined"
    client_id: Uuid | None = None


class OpeningFields(msgspec.Struct, rename="camel"):
    """Tells a request for a group from one for a pair."""

    username: Any = None
    name: Any = None
    usernames: Any = None
    history: Any = None
    client_id: Any = None

    @property
    def is_group(self) -> bool:
        fields = (self.name, self.usernames, self.history, self.client_id)
        return any(field is not None for field in fields)


class ChangeFields(msgspec.Struct):
    """What to change. `history` counts for those who come from then on."""

    name: GroupName | msgspec.UnsetType = msgspec.UNSET
    history: History | msgspec.UnsetType = msgspec.UNSET


class AddingFields(msgspec.Struct):
    """The people to add."""

    usernames: Annotated[
        list[Username], msgspec.Meta(extra_json_schema={"minItems": 1, "maxItems": MOST_ADDED})
    ]


class RoleFields(msgspec.Struct):
    """The role that the member is to have."""

    role: Role


Handlers = TypeVar("Handlers", bound="GroupHandler")
Method = Callable[Concatenate[Handlers, ...], Awaitable[None]]


def of_group(method: Method[Handlers]) -> Method[Handlers]:
    """Wraps a method that only members, or admins, of a group may call, and tells its refusals.

    Rights are checked before fields.
    """

    @functools.wraps(method)
    async def answer(self: Handlers, *digits: str) -> None:
        ids = [id_of(text) for text in digits]
        try:
            try:
                await method(self, *ids)
            except problems.Invalid:
                await rights.check(self.services.db, self.me.user_id, *ids)
                raise
        except _REFUSALS as refusal:
            raise _problem(refusal) from None

    return answer


_REFUSALS = (NotFound, NotAGroup, NotAdmin, UnknownNames, GroupFull, LastAdmin, ClientIdReused)


def _problem(refusal: Exception) -> problems.Problem:
    match refusal:
        case NotFound():
            return problems.NotFound()
        case NotAGroup():
            return problems.Forbidden("not_a_group", "This conversation isn't a group.")
        case NotAdmin():
            return problems.Forbidden("not_admin", "Only an admin of the group can do this.")
        case UnknownNames():
            listed = ", ".join(refusal.names)
            return problems.Invalid({"usernames": f"There is nobody with this username: {listed}."})
        case GroupFull():
            return problems.Conflict("group_full", "The group would have too many members.")
        case LastAdmin():
            return problems.Conflict("last_admin", "A group needs an admin.")
        case ClientIdReused():
            return problems.Conflict(
                "client_id_reused", "This clientId already belongs to a different group."
            )
    raise AssertionError(refusal)


class GroupHandler(ConversationHandler):
    """Stores changes of a group, which count as sends."""

    async def stored(
        self, store: "Store[Any, Any]", write: Any, *, stores: bool = True, added: int = 0
    ) -> Any:
        """Stores the write. Above a limit, only answers if there is nothing to do.

        The result of `store` is whether there was something to do, or has that as `is_new`.
        """
        refusal = self._refusal(stores, added)
        if refusal is None:
            return await self.services.writer.write(store, write, unbatched=True)
        only_checks = write._replace(only_checks=True)
        result = await self.services.writer.write(store, only_checks, unbatched=True)
        if getattr(result, "is_new", result):
            raise refusal
        return result

    def _refusal(self, stores: bool, added: int) -> problems.Problem | None:
        """Like `refusal`. Also counts the people who are added."""
        refusal = self.refusal(stores=stores)
        if refusal is not None:
            return refusal
        wait = self.services.limits.members.take(self.me.user_id, added)
        return limits.too_many(wait) if wait else None


def checked_usernames(given: list[str], *, least: int, most: int) -> tuple[str, ...]:
    """Returns each name once, without regard to case. Raises `problems.Invalid`."""
    if not least <= len(given) <= most:
        raise problems.Invalid({"usernames": f"Name {least} to {most} people."})
    distinct: dict[str, str] = {}
    try:
        for name in given:
            distinct.setdefault(names.checked(name).lower(), name)
    except problems.Invalid as problem:
        raise problems.Invalid({"usernames": (problem.errors or {})["username"]}) from None
    return tuple(distinct.values())


def making_of(handler: ApiHandler) -> Making:
    """Returns the group that a request wants. Raises `problems.Invalid`."""
    fields = handler.fields(GroupFields)
    errors: dict[str, str] = {}
    name, usernames = fields.name, tuple[str, ...]()
    try:
        name = names.checked_group_name(name)
    except problems.Invalid as problem:
        errors.update(problem.errors or {})
    try:
        usernames = checked_usernames(fields.usernames, least=0, most=MOST_NAMED)
    except problems.Invalid as problem:
        errors.update(problem.errors or {})
    client_id = str(uuid.uuid4()) if fields.client_id is None else fields.client_id
    if not UUID.fullmatch(client_id):
        errors["clientId"] = "This must be a UUID."
    if errors:
        raise problems.Invalid(errors)
    return Making(
        handler.me.user_id,
        name,
        fields.history,
        usernames,
        client_id.lower(),
        fields.client_id is not None,
        handler.services.config.max_group_members,
    )


async def make(handler: ApiHandler, wanted: Making) -> Made:
    """Makes a group. Above a limit, it still returns one that is made already."""
    services, kept = handler.services, handler.services.limits
    refusal: problems.Problem | None = problems.StorageFull() if services.disk.is_low else None
    if refusal is None:
        wait = kept.conversations.take(wanted.user_id)
        wait = wait or kept.members.take(wanted.user_id, len(wanted.usernames))
        refusal = limits.too_many(wait) if wait else None
    write = wanted if refusal is None else wanted._replace(only_checks=True)
    try:
        made = await services.writer.write(making.make_all, write, unbatched=True)
    except _REFUSALS as refused:
        raise _problem(refused) from None
    if made.conversation_id is None:
        assert refusal is not None
        raise refusal
    return made


class MembersHandler(GroupHandler):
    @of_conversation
    async def get(self, conversation_id: int) -> None:
        limit = self.limit()
        if "search" in self.request.query_arguments:
            return await self._search(conversation_id)
        of = f"members of {conversation_id}"
        position, page = await listing.page(
            self.services.db,
            self.me.user_id,
            conversation_id,
            before=self.keyset(of, listing.NEWEST),
            limit=limit,
        )
        self.set_header("Last-Event-ID", position)
        self.reply_page(of, page, limit=limit)

    async def _search(self, conversation_id: int) -> None:
        prefix = names.searched(self.query_argument("search") or "")
        self.services.limits.check(self.services.limits.searches, self.me.user_id)
        if prefix is None:
            await self.check_member(conversation_id)
            return self.reply([])
        found = await listing.search(self.services.db, self.me.user_id, conversation_id, prefix)
        self.reply_snapshot(*found)

    @of_group
    async def post(self, conversation_id: int) -> None:
        given = self.fields(AddingFields).usernames
        usernames = checked_usernames(given, least=1, most=MOST_ADDED)
        most = self.services.config.max_group_members
        adding = Adding(conversation_id, self.me.user_id, usernames, most)
        outcome: Done = await self.stored(members.add_all, adding, added=len(usernames))
        self.reply(outcome.members)


class MemberHandler(GroupHandler):
    @of_group
    async def patch(self, conversation_id: int, member_id: int) -> None:
        role = self.fields(RoleFields).role
        turning = Turning(conversation_id, self.me.user_id, member_id, role)
        outcome: Done = await self.stored(members.turn_all, turning)
        self.reply(outcome.members[0])

    @of_group
    async def delete(self, conversation_id: int, member_id: int) -> None:
        removing = Removing(conversation_id, self.me.user_id, member_id)
        await self.stored(members.remove_all, removing, stores=False)
        self.set_status(204)


def changing_of(handler: ApiHandler, conversation_id: int) -> Changing:
    """Returns the change that a request wants. Raises `problems.Invalid`."""
    fields = handler.fields(ChangeFields)
    unset = msgspec.UNSET
    name = None if fields.name is unset else names.checked_group_name(fields.name)
    history = None if fields.history is unset else fields.history
    return Changing(conversation_id, handler.me.user_id, name, history)
