"""Examples of requests and answers, for the description of the API."""

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from db.changes.reactions import Reacted
from db.conversations import Conversation
from db.groups.listing import Member
from db.message import Message
from db.sessions import Session
from db.settings import Settings
from db.users import User
from handlers.groups import AddingFields, ChangeFields, GroupFields, PairFields, RoleFields
from handlers.messages import MessageFields, ReadFields
from handlers.one_message import EditFields
from handlers.settings import NotifyFields, SettingsFields
from handlers.sign_in import Grant, Login, LoginFields, NameFields, SignInMethods

_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"  # noqa: S105
_TIME = "2026-11-29T12:34:56.789Z"
_CLIENT_ID = "123e4567-e89b-12d3-a456-426614174000"
_JANE = User("7", "jane", None, "Jane Doe")
_JOHN = User("8", "john", None)
_MESSAGE = Message("345", "12", "8", "Hello, Jane", _TIME, mine=False, client_id=None)

_EXAMPLES: Mapping[Any, object] = {
    User: _JANE,
    Message: _MESSAGE,
    Conversation: Conversation("12", _JOHN, _MESSAGE, 1, True, "340", "345"),
    Reacted: Reacted("👍", _JANE, _TIME),
    Settings: Settings(receipts=False, typing=True),
    SettingsFields: SettingsFields(receipts=False),
    NotifyFields: NotifyFields("mentions"),
    Session: Session("21", _TIME, _TIME, "Mozilla/5.0 (X11; Linux x86_64)", True),
    Grant: Grant(_TOKEN, _TIME),
    Login: Login(_TOKEN, _TIME, auth_user=_JANE),
    LoginFields: LoginFields("jane"),
    NameFields: NameFields(display_name="Jane Doe"),
    SignInMethods: SignInMethods(dev=False, github=True),
    PairFields: PairFields("john"),
    GroupFields: GroupFields("Climbing", ["john", "mary"]),
    ChangeFields: ChangeFields(name="Climbing", history="all"),
    AddingFields: AddingFields(["john", "mary"]),
    RoleFields: RoleFields("admin"),
    Member: Member(_JOHN, "member", _TIME),
    MessageFields: MessageFields("Hello, John", _CLIENT_ID),
    EditFields: EditFields("Hello, John!", 1),
    ReadFields: ReadFields("345"),
    str: "jane",
}


def example(kind: Any) -> Any:
    """Returns an example of a type, as JSON. Raises `KeyError` if there is none.

    A tuple of types is an example of the first.
    """
    if isinstance(kind, tuple):
        return example(kind[0])
    items = get_args(kind)
    return msgspec.to_builtins([_EXAMPLES[items[0]]] if items else _EXAMPLES[kind])
