"""The list of all kinds of events in feeds."""

from db import conversations, message, notify, reads, users
from db.changes import change, reactions
from db.groups import gone

# By name. The reader of feeds, the streams and the AsyncAPI description use this table.
KINDS = {
    kind.name: kind
    for kind in (
        message.SENT,
        change.CHANGED,
        reactions.REACTIONS,
        conversations.OPENED,
        gone.GONE,
        notify.SETTING,
        users.CHANGED,
        reads.MOVED,
    )
}
