"""The texts of the API description: a name, a summary and more for each operation."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from db.changes.reactions import Reacted
from db.conversations import Conversation
from db.groups.listing import Member
from db.message import Message
from db.sessions import Session
from db.settings import Settings
from db.users import User
from handlers import avatars, descriptions, health, pages
from handlers.conversations import (
    ConversationsHandler,
    OneConversationHandler,
    OtherParticipantHandler,
)
from handlers.github_sign_in import BeginHandler, CallbackHandler
from handlers.groups import (
    AddingFields,
    ChangeFields,
    GroupFields,
    MemberHandler,
    MembersHandler,
    PairFields,
    RoleFields,
)
from handlers.messages import MessageFields, MessagesHandler, ReadFields, ReadMessagesHandler
from handlers.one_message import EditFields, OneMessageHandler
from handlers.reactions import ReactionHandler, ReactionsHandler
from handlers.readers import ReadersHandler
from handlers.requests.api import UnknownRoute
from handlers.requests.base import Handler
from handlers.sessions import SessionHandler, SessionsHandler
from handlers.settings import NotifyFields, NotifyHandler, SettingsFields, SettingsHandler
from handlers.sign_in import (
    AuthUserHandler,
    Grant,
    Login,
    LoginFields,
    LoginHandler,
    LogoutHandler,
    NameFields,
    RefreshTokenHandler,
    SignInMethods,
    SignInMethodsHandler,
)
from handlers.stream import StreamHandler
from handlers.typing_users import TypingHandler
from handlers.usernames import UsernamesHandler
from handlers.users import UsersHandler

TAGS = {
    "signing in": "Tokens, sessions, and sign-in methods.",
    "people": "Users, their names and their pictures.",
    "conversations": "Conversations, their messages, and read markers.",
    "groups": "Groups, and who is in them.",
    "events": "The stream of everything that happens.",
    "operation": "Descriptions of the API, health and figures.",
}


class Answer(NamedTuple):
    """`kind` is a msgspec type, a media type, or None for no content."""

    meaning: str
    kind: Any = None
    headers: tuple[str, ...] = ()
    example: Any = None  # None: the example of `kind`


class Operation(NamedTuple):
    """`refusals` has only statuses that not all handlers of its kind share.

    `body` is a type, or a tuple of types of which the client chooses one.
    """

    name: str
    tag: str
    summary: str
    description: str
    answers: Mapping[int, Answer]
    body: Any = None
    needs_body: bool = True
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    refusals: tuple[int, ...] = ()


PAGE = ("Last-Event-ID", "Link")
SNAPSHOT = ("Last-Event-ID",)
COOKIE = ("Set-Cookie",)
HELLO = (
    "event: hello\nid: 0a5b690f4da8-2\nretry: 1636\n"
    'data: {"heartbeatSeconds":20,"version":"5d1c2e9f04b7a836c1d0e2f3a4b59687"}\n\n'
)

OPERATIONS: Mapping[type[Handler], Mapping[str, Operation]] = {
    LoginHandler: {
        "POST": Operation(
            "login",
            "signing in",
            "Sign in by name",
            "For development only. Creates the user at the first sign-in. Answers 404 if the"
            " development sign-in is off.",
            {200: Answer("A token, also set as the cookie.", Login, COOKIE)},
            body=LoginFields,
            refusals=(404, 422),
        )
    },
    RefreshTokenHandler: {
        "POST": Operation(
            "refreshToken",
            "signing in",
            "Get a new token",
            "The new token belongs to the same session. The old one stays valid until it expires.",
            {200: Answer("The new token, also set as the cookie.", Grant, COOKIE)},
        )
    },
    LogoutHandler: {
        "POST": Operation(
            "logout",
            "signing in",
            "Sign out",
            "Ends the session. Its open streams end within a second.",
            {204: Answer("Signed out; the cookie is cleared.", None, COOKIE)},
        )
    },
    AuthUserHandler: {
        "GET": Operation(
            "authUser",
            "signing in",
            "Get the user that is signed in",
            "Returns the user that the credential belongs to.",
            {200: Answer("The user.", User)},
        ),
        "PATCH": Operation(
            "rename",
            "people",
            "Change your names",
            "Changes the user name, the display name, or both. A display name of null removes it."
            " Everyone who shares a conversation with you gets a `user` event.",
            {200: Answer("The user with the new names.", User)},
            body=NameFields,
            refusals=(409, 422, 429),
        ),
    },
    SignInMethodsHandler: {
        "GET": Operation(
            "signInMethods",
            "signing in",
            "List the ways to sign in",
            "Tells which sign-in methods this server offers. Needs no credential.",
            {200: Answer("Each method, and whether it is available.", SignInMethods)},
        )
    },
    BeginHandler: {
        "GET": Operation(
            "beginGitHubSignIn",
            "signing in",
            "Sign in with GitHub",
            "Redirects a browser to GitHub. Answers 404 if GitHub is not configured.",
            {302: Answer("A redirect to GitHub.", None, ("Location", *COOKIE))},
            query=("return_to",),
            refusals=(404,),
        )
    },
    CallbackHandler: {
        "GET": Operation(
            "finishGitHubSignIn",
            "signing in",
            "Come back from GitHub",
            "Signs the browser in and redirects it to the page that it came from. If GitHub"
            " refused, redirects to the access page.",
            {302: Answer("A redirect to the page.", None, ("Location", *COOKIE))},
            query=("code", "state", "error"),
            refusals=(403, 404),
        )
    },
    SessionsHandler: {
        "GET": Operation(
            "sessions",
            "signing in",
            "List your sessions",
            "Each session is a browser or a program that is signed in. The most recently used comes"
            " first. A page ends at 256 KiB.",
            {200: Answer("A page of sessions.", list[Session], ("Link",))},
            query=("cursor",),
            refusals=(422,),
        ),
        "DELETE": Operation(
            "endOtherSessions",
            "signing in",
            "End all other sessions",
            "Keeps the current session. The open streams of the others end within a second.",
            {204: Answer("All other sessions have ended.")},
        ),
    },
    SessionHandler: {
        "DELETE": Operation(
            "endSession",
            "signing in",
            "End a session",
            "The open streams of that session end within a second.",
            {204: Answer("The session has ended.")},
        ),
    },
    SettingsHandler: {
        "GET": Operation(
            "settings",
            "people",
            "Get your settings",
            "Both are on at first: `receipts`, whether others see how far you have read, and"
            " `typing`, whether they see that you are typing.",
            {200: Answer("The settings.", Settings)},
        ),
        "PATCH": Operation(
            "changeSettings",
            "people",
            "Change your settings",
            "Counts from then on: what others have seen stays seen. Makes no event.",
            {200: Answer("All settings.", Settings)},
            body=SettingsFields,
            refusals=(422,),
        ),
    },
    UsernamesHandler: {
        "GET": Operation(
            "usernames",
            "people",
            "Search usernames",
            "Finds at most five names that begin with the text, without regard to case. Your own"
            " name is never among them.",
            {200: Answer("The names, sorted.", list[str])},
            query=("search",),
            refusals=(422,),
        )
    },
    UsersHandler: {
        "GET": Operation(
            "users",
            "people",
            "Search people",
            "Finds at most five people. Their user name, or a word of their display name, begins"
            " with the text, without regard to case and accents. You are never among them.",
            {200: Answer("The people, sorted by user name.", list[User])},
            query=("search for people",),
            refusals=(422,),
        )
    },
    ConversationsHandler: {
        "GET": Operation(
            "conversations",
            "conversations",
            "List your conversations",
            "The latest activity comes first. A page ends at `limit` conversations or at 256 KiB.",
            {200: Answer("A page of conversations.", list[Conversation], (*PAGE, "Unread-Total"))},
            query=("limit", "cursor"),
            refusals=(422,),
        ),
        "POST": Operation(
            "openConversation",
            "conversations",
            "Start a conversation, or make a group",
            "With `username`, returns the existing conversation of the two users, if there is one."
            " With `name` and `usernames`, makes a group, and you are its admin. With a `clientId`,"
            " a group is safe to repeat.",
            {
                201: Answer("A new conversation.", Conversation, ("Location",)),
                200: Answer("The existing conversation.", Conversation, ("Location",)),
            },
            body=(PairFields, GroupFields),
            refusals=(404, 409, 422, 507),
        ),
    },
    OneConversationHandler: {
        "GET": Operation(
            "conversation",
            "conversations",
            "Get a conversation",
            "Includes the last message, the unread count, and how far each participant has read.",
            {200: Answer("The conversation.", Conversation, SNAPSHOT)},
        ),
        "PATCH": Operation(
            "changeGroup",
            "groups",
            "Change a group",
            "An admin changes the name, and what newcomers see of the history. A notice tells the"
            " members.",
            {200: Answer("The conversation.", Conversation, SNAPSHOT)},
            body=ChangeFields,
            refusals=(403, 422, 429, 507),
        ),
    },
    MembersHandler: {
        "GET": Operation(
            "members",
            "groups",
            "List the members",
            "Those who came last are first. A pair has two, without role and time. A page ends at"
            " `limit` members or at 256 KiB.",
            {200: Answer("A page of members.", list[Member], PAGE)},
            query=("search for members", "limit", "cursor"),
            refusals=(422, 429),
        ),
        "POST": Operation(
            "addMembers",
            "groups",
            "Add people to a group",
            "An admin adds up to 100 people, all or none. A notice tells the members.",
            {200: Answer("The people who were named, in that order.", list[Member])},
            body=AddingFields,
            refusals=(403, 409, 422, 429, 507),
        ),
    },
    MemberHandler: {
        "PATCH": Operation(
            "changeRole",
            "groups",
            "Change the role of a member",
            "An admin makes a member an admin, or an admin a member. A group keeps an admin.",
            {200: Answer("The member.", Member)},
            body=RoleFields,
            refusals=(403, 409, 422, 429, 507),
        ),
        "DELETE": Operation(
            "removeMember",
            "groups",
            "Leave a group, or remove a member",
            "Everybody may leave; only admins remove others. If the last admin leaves, the member"
            " who has been there longest becomes one.",
            {204: Answer("They are not a member any more.")},
            refusals=(403, 429),
        ),
    },
    OtherParticipantHandler: {
        "GET": Operation(
            "otherParticipant",
            "conversations",
            "Get the other participant",
            "Returns the user that you talk with in this conversation.",
            {200: Answer("The other user.", User, SNAPSHOT)},
        )
    },
    MessagesHandler: {
        "GET": Operation(
            "messages",
            "conversations",
            "List messages",
            "The newest comes first. A page ends at `limit` messages or at 256 KiB. With `around`,"
            " it has that message in its middle, and links to older and newer messages. Answers"
            " 404 if you do not see that message.",
            {200: Answer("A page of messages.", list[Message], PAGE)},
            query=("limit", "after", "around", "cursor"),
            refusals=(422,),
        ),
        "POST": Operation(
            "send",
            "conversations",
            "Send a message",
            "The server stores the message before it answers. With a `clientId`, a request is safe"
            " to repeat: the server answers the same message again, and stores it once. An `@` and"
            " a user name mention somebody who sees the message.",
            {
                201: Answer("The message, stored now.", Message),
                200: Answer("The message, stored by an earlier request.", Message),
            },
            body=MessageFields,
            refusals=(422, 507),
        ),
    },
    OneMessageHandler: {
        "GET": Operation(
            "message",
            "conversations",
            "Get a message",
            "Returns the message as it is now.",
            {200: Answer("The message.", Message, SNAPSHOT)},
        ),
        "PATCH": Operation(
            "edit",
            "conversations",
            "Edit a message",
            "Replaces the text of your own message, and raises its `version`. The earlier text is"
            " gone. A text that is there already changes nothing. With a `version`, another one is"
            " refused.",
            {200: Answer("The message.", Message)},
            body=EditFields,
            refusals=(422, 507),
        ),
        "DELETE": Operation(
            "delete",
            "conversations",
            "Delete a message",
            "Deletes your own message, or as an admin any message of the group. An empty message"
            " remains. Deleting it again changes nothing.",
            {204: Answer("The message is deleted.")},
            refusals=(422,),
        ),
    },
    ReadersHandler: {
        "GET": Operation(
            "readers",
            "conversations",
            "See who has read your message",
            "Lists the other members who were there when you sent it, and whose marker has reached"
            " it. Conversations of more than 100 members do not tell.",
            {200: Answer("All readers, by id.", list[User], SNAPSHOT)},
        )
    },
    ReadMessagesHandler: {
        "POST": Operation(
            "markRead",
            "conversations",
            "Mark messages as read",
            "Moves your marker forward, never back: to `lastReadMessageId`, or without a body to"
            " the newest message.",
            {204: Answer("The marker is at that message or a later one.")},
            body=ReadFields,
            needs_body=False,
            refusals=(422,),
        )
    },
    TypingHandler: {
        "POST": Operation(
            "type",
            "conversations",
            "Tell that you are typing",
            "The others get a `typing` event, at most one in 3 s. Nobody does in groups of more"
            " than 50 members, or if your setting is off.",
            {204: Answer("The others may see it.")},
        )
    },
    NotifyHandler: {
        "PUT": Operation(
            "notify",
            "conversations",
            "Choose what to be notified of",
            "All messages of the conversation, those that mention you, or none. Your own streams"
            " get a `setting` event.",
            {204: Answer("That is what you are notified of.")},
            body=NotifyFields,
            refusals=(422,),
        )
    },
    ReactionsHandler: {
        "GET": Operation(
            "reactions",
            "conversations",
            "List who reacted to a message",
            "The newest comes first. A page ends at `limit` reactions or at 256 KiB.",
            {200: Answer("A page of reactions.", list[Reacted], PAGE)},
            query=("limit", "cursor"),
            refusals=(422,),
        )
    },
    ReactionHandler: {
        "PUT": Operation(
            "react",
            "conversations",
            "React to a message",
            "Adds one emoji of yours. Everyone who sees the message gets a `reactions` event. A"
            " repeat changes nothing.",
            {204: Answer("The reaction is there.")},
            refusals=(409, 422, 507),
        ),
        "DELETE": Operation(
            "takeBack",
            "conversations",
            "Take back a reaction",
            "Everyone who sees the message gets a `reactions` event. A repeat changes nothing.",
            {204: Answer("The reaction is not there.")},
            refusals=(422,),
        ),
    },
    StreamHandler: {
        "GET": Operation(
            "stream",
            "events",
            "Open the stream of your events",
            "Server-Sent Events, described in /api/asyncapi.json. Resumes after the position in"
            " `Last-Event-ID`, or in the first query parameter that is not empty: `lastEventId`,"
            " `Last-Event-ID`, `last_event_id`.",
            {200: Answer("The stream.", "text/event-stream", example=HELLO)},
            query=("lastEventId", "Last-Event-ID", "last_event_id", "token"),
            headers=("Last-Event-ID",),
            refusals=(406,),
        )
    },
    avatars.AvatarHandler: {
        "GET": Operation(
            "avatar",
            "people",
            "Get a picture",
            "The URL has a hash of the picture, so clients can cache it for good.",
            {200: Answer("The picture.", "image/*")},
            refusals=(503,),
        )
    },
    descriptions.OpenApiHandler: {
        "GET": Operation(
            "openapi",
            "operation",
            "Describe the API",
            "This description.",
            {200: Answer("OpenAPI 3.1.", dict[str, Any], example={"openapi": "3.1.0"})},
        )
    },
    descriptions.AsyncApiHandler: {
        "GET": Operation(
            "asyncapi",
            "operation",
            "Describe the events",
            "The events of the stream at /api/messages.",
            {200: Answer("AsyncAPI 3.0.", dict[str, Any], example={"asyncapi": "3.0.0"})},
        )
    },
    health.LiveHandler: {
        "GET": Operation(
            "live",
            "operation",
            "Is the server alive?",
            "Answers while the event loop runs.",
            {200: Answer("The server is alive.", dict[str, str], example={"status": "live"})},
        )
    },
    health.ReadyHandler: {
        "GET": Operation(
            "ready",
            "operation",
            "Is the server ready?",
            "The database answers and takes writes, its schema is up to date, and the server is"
            " not about to stop.",
            {200: Answer("The server is ready.", dict[str, str], example={"status": "ready"})},
            refusals=(503,),
        )
    },
    health.MetricsHandler: {
        "GET": Operation(
            "metrics",
            "operation",
            "Get metrics",
            "In the text format of Prometheus.",
            {200: Answer("The metrics.", "text/plain", example="messenger_streams_open 3.0\n")},
        )
    },
}

NO_OPERATIONS = (UnknownRoute, pages.PageHandler)  # a 404, and the files of the page

CODES: Mapping[int, Mapping[str, str]] = {
    400: {
        "bad_request": "The request is malformed.",
        "malformed_json": "The body is not a JSON object, or nested too deeply.",
        "missing_host": "There is no `Host` header.",
    },
    401: {"unauthorized": "No credential, or one that is invalid, expired or revoked."},
    403: {
        "cross_site": "The request comes from a page of another site.",
        "conversation_with_oneself": "The username is your own.",
        "not_admin": "Only an admin of the group can do this.",
        "not_a_group": "The conversation is a pair.",
        "not_yours": "The message is somebody else's.",
        "not_a_page": "The URL was requested as something other than a page.",
    },
    404: {"not_found": "It does not exist, or you have no access to it."},
    405: {"method_not_allowed": "`Allow` lists the methods of this path."},
    406: {"not_acceptable": "`Accept` does not include `text/event-stream`."},
    409: {
        "client_id_reused": "The `clientId` belongs to something else.",
        "group_full": "The group would have more members than it may have.",
        "last_admin": "The group would have no admin.",
        "deleted": "The message has been deleted.",
        "version": "The message has another version than the request names.",
        "too_many_members": "The conversation has more than 100 members.",
        "too_late": "The message is older than `--edit-hours`.",
        "too_many_reactions": "The message has 20 kinds of reactions, or 8 by this user.",
        "username_taken": "Another user has that user name.",
        "other_user": "The credential belongs to another user than `X-User` names.",
    },
    413: {"content_too_large": "The body is larger than 64 KiB."},
    414: {"uri_too_long": "The query is longer than 2 KiB, or has more than 20 fields."},
    415: {"unsupported_media_type": "The body is not `application/json`."},
    421: {"misdirected": "The server does not serve the host in `Host`."},
    422: {"invalid_field": "`errors` has a sentence for each field that is wrong."},
    429: {
        "rate_limited": "There were too many requests in too short a time.",
        "too_many_streams": "The user has too many open streams.",
    },
    431: {"headers_too_large": "The headers are larger than 16 KiB, or more than 128."},
    500: {"internal_error": "The server failed; its log says how."},
    503: {
        "database_unavailable": "The database cannot be reached, or accepts no writes.",
        "draining": "The server is about to stop.",
        "full": "The server has no room for one more stream.",
        "upgrading": "A server of an older version still runs, and cannot read this yet.",
        "migrations_pending": "The schema is not up to date.",
    },
    507: {"storage_full": "The server's disk is almost full."},
}
"""The codes of problem details, by status, and what each means."""
