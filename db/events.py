"""The kinds of events. All that feeds and streams carry is one of these."""

from db import conversations, messages, reads, users

# By name. What feeds are read by, what streams say and what AsyncAPI describes derives from it.
KINDS = {
    kind.name: kind for kind in (messages.SENT, conversations.OPENED, users.CHANGED, reads.MOVED)
}
