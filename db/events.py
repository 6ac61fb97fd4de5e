"""The list of all kinds of events in feeds."""

from db import conversations, messages, reads, users

# By name. The reader of feeds, the streams and the AsyncAPI description use this table.
KINDS = {
    kind.name: kind for kind in (messages.SENT, conversations.OPENED, users.CHANGED, reads.MOVED)
}
