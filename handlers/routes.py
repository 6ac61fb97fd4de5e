"""Maps paths to handlers. A path whose id is no canonical positive number is not found."""

from handlers.avatars import AvatarHandler
from handlers.conversations import (
    ConversationsHandler,
    OneConversationHandler,
    OtherParticipantHandler,
)
from handlers.descriptions import AsyncApiHandler, OpenApiHandler
from handlers.github_sign_in import BeginHandler, CallbackHandler
from handlers.groups import MemberHandler, MembersHandler
from handlers.health import LiveHandler, MetricsHandler, ReadyHandler
from handlers.messages import MessagesHandler, ReadMessagesHandler
from handlers.one_message import OneMessageHandler
from handlers.pages import PageHandler
from handlers.reactions import ReactionHandler, ReactionsHandler
from handlers.readers import ReadersHandler
from handlers.requests.api import UnknownRoute
from handlers.sessions import SessionHandler, SessionsHandler
from handlers.settings import NotifyHandler, SettingsHandler
from handlers.sign_in import (
    AuthUserHandler,
    LoginHandler,
    LogoutHandler,
    RefreshTokenHandler,
    SignInMethodsHandler,
)
from handlers.stream import StreamHandler
from handlers.typing_users import TypingHandler
from handlers.usernames import UsernamesHandler
from handlers.users import UsersHandler

_ID = "([1-9][0-9]*)"

ROUTES = [  # tried in this order: the most frequent ones come first
    (rf"/api/conversations/{_ID}/messages", MessagesHandler),
    (r"/api/messages", StreamHandler),
    (r"/api/login", LoginHandler),
    (r"/api/refresh_token", RefreshTokenHandler),
    (r"/api/logout", LogoutHandler),
    (r"/api/auth_user", AuthUserHandler),
    (r"/api/sign_in_methods", SignInMethodsHandler),
    (r"/api/sessions", SessionsHandler),
    (rf"/api/sessions/{_ID}", SessionHandler),
    (r"/api/settings", SettingsHandler),
    (r"/api/usernames", UsernamesHandler),
    (r"/api/users", UsersHandler),
    (r"/api/conversations", ConversationsHandler),
    (rf"/api/conversations/{_ID}", OneConversationHandler),
    (rf"/api/conversations/{_ID}/other_participant", OtherParticipantHandler),
    (rf"/api/conversations/{_ID}/read_messages", ReadMessagesHandler),
    (rf"/api/conversations/{_ID}/members", MembersHandler),
    (rf"/api/conversations/{_ID}/members/{_ID}", MemberHandler),
    (rf"/api/conversations/{_ID}/messages/{_ID}", OneMessageHandler),
    (rf"/api/conversations/{_ID}/messages/{_ID}/readers", ReadersHandler),
    (rf"/api/conversations/{_ID}/typing", TypingHandler),
    (rf"/api/conversations/{_ID}/notify", NotifyHandler),
    (rf"/api/conversations/{_ID}/messages/{_ID}/reactions", ReactionsHandler),
    (rf"/api/conversations/{_ID}/messages/{_ID}/reactions/([^/]+)", ReactionHandler),
    (r"/api/oauth/github", BeginHandler),
    (r"/api/oauth/github/callback", CallbackHandler),
    (r"/api/openapi.json", OpenApiHandler),
    (r"/api/asyncapi.json", AsyncApiHandler),
    (r"/avatars/([0-9a-f]{64}\.(?:png|jpg|webp))", AvatarHandler),
    (r"/health/live", LiveHandler),
    (r"/health/ready", ReadyHandler),
    (r"/metrics", MetricsHandler),
    (r"/(?:api|health|metrics)/.*", UnknownRoute),
    (r"/(.*)", PageHandler),
    (r".*", UnknownRoute),
]
