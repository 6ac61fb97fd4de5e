"""The law: a snapshot, and the events after its position, equal a fresh snapshot.

`apply` is a client: a function for each kind of event says what it does to conversations, messages
and members. `replayed` says which events a stream that resumes must send.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.people import Person
from tests.support.sse import Event

Json = dict[str, Any]

MOST_UNREAD = 1000
MOST_UNREAD_MENTIONS = 100
DEFAULTS: Json = {"group": None, "unreadMentionCount": 0, "notify": "all"}


@dataclass
class Part:
    """A list that was fetched by itself. It has the events up to number `seq` already."""

    items: list[Json]
    seq: int


@dataclass
class State:
    """All that a client has fetched. A part that is None is still to be fetched."""

    me: Json
    position: str
    conversations: Part
    messages: dict[str, Part | None]  # by conversation
    members: dict[str, Part | None]

    def conversation(self, conversation_id: str) -> Json:
        return the_one(self.conversations.items, conversation_id)

    def unaware_of(self, event: Event) -> Iterator[Part]:
        """Returns the parts that do not have the event yet."""
        for part in (self.conversations, *self.messages.values(), *self.members.values()):
            if part is not None and part.seq < event.seq:
                yield part


def apply(state: State, event: Event) -> None:
    """Applies an event as a client does. Raises `KeyError` for a kind without a function."""
    APPLY[event.name](state, event._replace(data=copy.deepcopy(event.data)))


def opened(state: State, event: Event) -> None:
    """A conversation begins. The client fetches what it cannot know of a group."""
    conversation = DEFAULTS | event.data
    state.conversations.items.insert(0, conversation)
    group = conversation["group"]
    sees_more = group is not None and group["history"] == "all"
    state.messages[conversation["id"]] = None if sees_more else Part([], event.seq)
    if group is None:
        both = [state.me, conversation["otherParticipant"]]
        members = [{"user": user} for user in sorted(both, key=by_id, reverse=True)]
        state.members[conversation["id"]] = Part(members, event.seq)
    else:
        state.members[conversation["id"]] = None


def message(state: State, event: Event) -> None:
    """A message is the last one, counts if it is of another, and may tell what happened."""
    shown = event.data
    conversation = state.conversation(shown["conversationId"])
    state.conversations.items.remove(conversation)
    state.conversations.items.insert(0, conversation)
    conversation["lastMessage"] = shown
    if not shown["mine"] and "notice" not in shown:
        called = (mention["userId"] for mention in shown.get("mentions", ()))
        count(
            conversation,
            conversation["unreadCount"] + 1,
            conversation["unreadMentionCount"] + (state.me["id"] in called),
        )
    part = state.messages[conversation["id"]]
    if part is not None and part.seq < event.seq:
        part.items.insert(0, shown)
    if "notice" in shown:
        notice(state, event, conversation)


def notice(state: State, event: Event, conversation: Json) -> None:
    """A notice sets the group, the user's own role, and the members."""
    told = event.data["notice"]
    named = [user["id"] for user in told["users"]]
    group = conversation["group"]
    group |= {name: told[name] for name in ("name", "memberCount", "history")}
    if told["kind"] in ROLES and state.me["id"] in named:
        group["role"] = ROLES[told["kind"]]
    part = state.members[conversation["id"]]
    if told["kind"] == "created":
        part = state.members[conversation["id"]] = part or Part([], event.seq - 1)
    if part is None or part.seq >= event.seq:
        return
    if told["count"] > len(named):
        state.members[conversation["id"]] = None
    elif told["kind"] in ROLES:
        for member in part.items:
            if member["user"]["id"] in named:
                member["role"] = ROLES[told["kind"]]
    elif told["kind"] in ("removed", "left"):
        part.items = [member for member in part.items if member["user"]["id"] not in named]
    else:
        part.items = sorted(coming(event.data), key=by_member_id, reverse=True) + part.items


ROLES = {"promoted": "admin", "demoted": "member"}


def coming(shown: Json) -> Iterator[Json]:
    """Returns those who come into a group with a notice, as members."""
    told, joined_at = shown["notice"], shown["createdAt"]
    if told["kind"] in ("created", "joined"):
        role = "admin" if told["kind"] == "created" else "member"
        yield {"user": shown["author"], "role": role, "joinedAt": joined_at}
    if told["kind"] in ("created", "added"):
        for user in told["users"]:
            yield {"user": user, "role": "member", "joinedAt": joined_at}


def gone(state: State, event: Event) -> None:
    """All of a conversation ends, if the client knows it: a replay leaves out its beginning."""
    ended = event.data["conversationId"]
    conversations = state.conversations
    conversations.items = [found for found in conversations.items if found["id"] != ended]
    state.messages.pop(ended, None)
    state.members.pop(ended, None)


def read(state: State, event: Event) -> None:
    conversation = state.conversation(event.data["conversationId"])
    if event.data["userId"] == state.me["id"]:
        conversation["lastReadMessageId"] = event.data["lastReadMessageId"]
        count(conversation, event.data["unreadCount"], event.data.get("unreadMentionCount", 0))
    else:
        conversation["otherLastReadMessageId"] = event.data["lastReadMessageId"]


def user(state: State, event: Event) -> None:
    """A user changes wherever they stand."""
    if event.data["id"] == state.me["id"]:
        state.me = event.data
    for part in state.unaware_of(event):
        part.items = renamed(part.items, event.data)


def change(state: State, event: Event) -> None:
    """A message has another state, unless a higher version is there. The counts are absolute."""
    shown = event.data["message"]
    for part, n in standing(state, event, shown["conversationId"], shown["id"]):
        if shown.get("version", 1) >= part[n].get("version", 1):
            part[n] = shown
    if "unreadCount" in event.data:
        conversation = state.conversation(shown["conversationId"])
        count(conversation, event.data["unreadCount"], event.data["unreadMentionCount"])


def reactions(state: State, event: Event) -> None:
    data = event.data
    for part, n in standing(state, event, data["conversationId"], data["messageId"]):
        part[n].pop("reactions", None)
        if data["reactions"]:
            part[n]["reactions"] = data["reactions"]


def setting(state: State, event: Event) -> None:
    state.conversation(event.data["conversationId"])["notify"] = event.data["notify"]


APPLY: dict[str, Callable[[State, Event], None]] = {
    "conversation": opened,
    "message": message,
    "gone": gone,
    "read": read,
    "user": user,
    "change": change,
    "reactions": reactions,
    "setting": setting,
}


def count(conversation: Json, unread: int, mentions: int) -> None:
    conversation["unreadCount"] = min(unread, MOST_UNREAD)
    conversation["unreadMentionCount"] = min(mentions, MOST_UNREAD_MENTIONS)
    conversation["hasUnreadMessages"] = unread > 0


def standing(
    state: State, event: Event, conversation_id: str, message_id: str
) -> Iterator[tuple[Any, Any]]:
    """Returns the places of a message, as lists or objects with the index or key in them."""
    conversation = state.conversation(conversation_id)
    places: list[tuple[Any, Any]] = [(conversation, "lastMessage")]
    part = state.messages[conversation_id]
    if part is not None and part.seq < event.seq:
        places += [(part.items, n) for n in range(len(part.items))]
    for container, key in places:
        if container[key] is not None and container[key]["id"] == message_id:
            yield container, key


def renamed(shown: Any, user: Json) -> Any:
    """Returns the value with that user wherever it has them."""
    if isinstance(shown, list):
        return [renamed(item, user) for item in shown]
    if not isinstance(shown, dict):
        return shown
    if "avatarURL" in shown:
        return user if shown["id"] == user["id"] else shown
    return {name: renamed(value, user) for name, value in shown.items()}


def the_one(items: list[Json], wanted: str) -> Json:
    """Returns the conversation, or the message, with that id."""
    found = [item for item in items if item["id"] == wanted]
    assert len(found) == 1, f"{len(found)} with the id {wanted} in {items}"
    return found[0]


def by_id(user: Json) -> int:
    return int(user["id"])


def by_member_id(member: Json) -> int:
    return by_id(member["user"])


async def snapshot(person: Person) -> State:
    """Fetches everything. Begins again if something happens meanwhile."""
    me = (await person.get("/api/auth_user")).json
    position, conversations = await fetched(person, "/api/conversations")
    parts: dict[str, dict[str, Part | None]] = {"messages": {}, "members": {}}
    seq = seq_of(position)
    for conversation in conversations:
        for name, found in parts.items():
            path = f"/api/conversations/{conversation['id']}/{name}"
            own_position, items = await fetched(person, path)
            if own_position != position:
                return await snapshot(person)
            found[conversation["id"]] = Part(items, seq)
    whole = [DEFAULTS | conversation for conversation in conversations]
    return State(me, position, Part(whole, seq), **parts)


async def fetch_missing(person: Person, state: State) -> None:
    """Fetches the parts that the client could not know. Each has its own position."""
    for name, parts in (("messages", state.messages), ("members", state.members)):
        for conversation_id in [key for key, part in parts.items() if part is None]:
            path = f"/api/conversations/{conversation_id}/{name}"
            if (await person.get(path)).status != 404:  # they may have left it since
                position, items = await fetched(person, path)
                parts[conversation_id] = Part(items, seq_of(position))


async def fetched(person: Person, path: str) -> tuple[str, list[Json]]:
    """Returns a list, and its position."""
    answer = await person.get(f"{path}?limit=100")
    assert answer.status == 200, answer
    items, position = list(answer.json), answer.headers["Last-Event-ID"]
    while link := answer.headers.get("Link"):
        answer = await person.get(link.partition(">")[0].strip("<"))
        items += answer.json
    return position, items


def seq_of(position: str) -> int:
    return int(position.partition("-")[2])


def replayed(live: Sequence[Event], after: int, now: State) -> list[Event]:
    """Returns the events that a stream sends that resumes after the number `after`.

    `live` are all events, as a stream has first sent them. What precedes the end of a conversation
    is left out, and messages are as they are `now`.
    """
    ends = {event.data["conversationId"]: event.seq for event in live if event.name == "gone"}
    return [
        at_present(event, now)
        for event in live
        if event.seq > after
        and (event.name == "gone" or event.seq > ends.get(conversation_of(event), 0))
    ]


def conversation_of(event: Event) -> str | None:
    """Returns the id of the conversation that the event concerns."""
    if event.name == "conversation":
        return str(event.data["id"])
    shown = event.data["message"] if event.name == "change" else event.data
    found: str | None = shown.get("conversationId")
    return found


def at_present(event: Event, now: State) -> Event:
    show = SHOWN_NOW.get(event.name)
    return event if show is None else event._replace(data=show(event.data, now))


def message_now(shown: Json, now: State) -> Json:
    part = now.messages[shown["conversationId"]]
    assert part is not None
    return the_one(part.items, shown["id"])


def conversation_now(data: Json, now: State) -> Json:
    last = data["lastMessage"]
    return data if last is None else data | {"lastMessage": message_now(last, now)}


def reactions_now(data: Json, now: State) -> Json:
    shown = {"conversationId": data["conversationId"], "id": data["messageId"]}
    return data | {"reactions": message_now(shown, now).get("reactions", [])}


SHOWN_NOW: dict[str, Callable[[Json, State], Json]] = {
    "message": message_now,
    "conversation": conversation_now,
    "change": lambda data, now: data | {"message": message_now(data["message"], now)},
    "reactions": reactions_now,
}
