/**
 * The types of the API, and of the page's state. A field that may be absent has its default then.
 *
 * @typedef {{id: string, username: string, avatarURL: string | null, displayName?: string}} User
 *
 * @typedef {"admin" | "member"} Role
 * @typedef {"joined" | "all"} History what those who join a group see: all from then on, or all
 * @typedef {{user: User, role: Role, joinedAt: string}} Member
 * @typedef {{userId: string, username: string}} Mention a name as it stands in the content
 * @typedef {{emoji: string, count: number, mine: boolean}} Reaction
 *
 * @typedef {"created" | "added" | "joined" | "removed" | "left" | "renamed" | "promoted" | "demoted" | "history"} NoticeKind
 *
 * What happened to a group. The name, the history and the number of members are those after it.
 * @typedef {object} Notice
 * @property {NoticeKind} kind
 * @property {User[]} users the first of those concerned
 * @property {number} count the number of all of them
 * @property {string} name
 * @property {History} history
 * @property {number} memberCount
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {string} conversationId
 * @property {string} userId
 * @property {string} content
 * @property {string} createdAt RFC 3339, in UTC
 * @property {boolean} mine
 * @property {string | null} clientId
 * @property {User} [author] in groups
 * @property {number} [version] of two states of a message, the one with the higher version holds; 1
 * @property {string | null} [editedAt]
 * @property {string | null} [deletedAt]
 * @property {string | null} [deletedBy]
 * @property {string | null} [replyToId]
 * @property {Mention[]} [mentions]
 * @property {Reaction[]} [reactions]
 * @property {Notice | null} [notice]
 *
 * @typedef {{name: string, memberCount: number, role: Role, history: History}} Group
 *
 * @typedef {object} Conversation
 * @property {string} id
 * @property {User | null} otherParticipant null in groups
 * @property {Group | null} [group]
 * @property {Message | null} lastMessage
 * @property {number} unreadCount 1000 means 1000 or more
 * @property {boolean} hasUnreadMessages
 * @property {number} [unreadMentionCount] 100 means 100 or more
 * @property {string | null} lastReadMessageId
 * @property {string | null} otherLastReadMessageId
 * @property {Notify} [notify]
 *
 * @typedef {"all" | "mentions" | "none"} Notify which messages have notifications
 *
 * @typedef {object} Read
 * @property {string} conversationId
 * @property {string} userId
 * @property {string} lastReadMessageId
 * @property {number} [unreadCount] in the reader's own copy
 * @property {number} [unreadMentionCount] in the reader's own copy
 *
 * @typedef {{conversationId: string, userId: string}} Typing
 * @typedef {{receipts: boolean, typing: boolean}} Settings what others learn of the user
 * @typedef {{message: Message, unreadCount?: number, unreadMentionCount?: number}} Change has both counts or neither
 * @typedef {{conversationId: string, messageId: string, reactions: Reaction[]}} Reactions
 * @typedef {{conversationId: string, reason: "left" | "removed"}} Gone
 * @typedef {{conversationId: string, notify: Notify}} Setting
 * @typedef {{dev: boolean, github: boolean}} SignInMethods
 *
 * @typedef {object} Session
 * @property {string} id
 * @property {string} createdAt
 * @property {string} lastSeenAt
 * @property {string} userAgent from the browser; it can be any text
 * @property {boolean} current
 */

/**
 * A snapshot: facts, and the position in the feed that they reflect (`<epoch>-<seq>`). `prev` leads to newer
 * messages, where a page begins in the middle.
 * @template T
 * @typedef {{position: string, body: T, next: string | null, prev?: string | null, unreadTotal?: number}} Snapshot
 */

/**
 * @typedef {{type: "event", id: string, name: "message", data: Message}
 *   | {type: "event", id: string, name: "conversation", data: Conversation}
 *   | {type: "event", id: string, name: "change", data: Change}
 *   | {type: "event", id: string, name: "reactions", data: Reactions}
 *   | {type: "event", id: string, name: "gone", data: Gone}
 *   | {type: "event", id: string, name: "setting", data: Setting}
 *   | {type: "event", id: string, name: "user", data: User}
 *   | {type: "event", id: string, name: "read", data: Read}} FeedEvent
 *
 * @typedef {"connecting" | "live" | "offline"} Connection
 *
 * The actions that change the state; see `apply` in store.js.
 * @typedef {FeedEvent
 *   | {type: "signed in", user: User}
 *   | {type: "signed out"}
 *   | {type: "last seen", seen: import("./last-seen.js").Seen}
 *   | {type: "connection", status: Connection, version?: string}
 *   | {type: "polled"}
 *   | {type: "listening", position: string}
 *   | {type: "conversations", snapshot: Snapshot<Conversation[]>, older: boolean}
 *   | {type: "conversation", snapshot: Snapshot<Conversation>}
 *   | {type: "unread total", snapshot: Snapshot<Conversation[]>}
 *   | {type: "messages", conversationId: string, snapshot: Snapshot<Message[]>, older: boolean}
 *   | {type: "window", conversationId: string, snapshot: Snapshot<Message[]>, way: "around" | "older" | "newer"}
 *   | {type: "window closed", conversationId: string}
 *   | {type: "target", id: string, message: Message | null}
 *   | {type: "message", message: Message}
 *   | {type: "typing", typing: Typing, until: number}
 *   | {type: "intents", intents: Intent[]}
 *   | {type: "wanted", intent: Intent}
 *   | {type: "fulfilled", conversationId: string, messageId: string, wish: Wish, message: Message | null, intents: Intent[]}
 *   | {type: "refused", refusal: Refusal | null, intents?: Intent[]}
 *   | {type: "members", conversationId: string, snapshot: Snapshot<Member[]>, older: boolean}
 *   | {type: "drafts", drafts: Draft[]}
 *   | {type: "sending", draft: Draft}
 *   | {type: "sent", message: Message}
 *   | {type: "failed", draft: Draft, reason: string}
 *   | {type: "discarded", draft: Draft}
 *   | {type: "reading", conversationId: string, messageId: string}} Action
 *
 * An unsent message. Its client id identifies it until the server has given it an id.
 * @typedef {{conversationId: string, clientId: string, content: string, createdAt: string, failure: string | null, replyToId?: string}} Draft
 *
 * One thing that the user wants of a message.
 * @typedef {{kind: "edit", content: string, version: number}
 *   | {kind: "delete"}
 *   | {kind: "react", emoji: string, isWanted: boolean}} Wish
 *
 * All that the user wants of a message, and the server has not confirmed.
 * @typedef {object} Intent
 * @property {string} messageId
 * @property {string} conversationId
 * @property {string} wantedAt when the last wish was made
 * @property {string} [content] the new text
 * @property {number} [version] the version that it replaces
 * @property {boolean} [isDeleted]
 * @property {Record<string, boolean>} [reactions] whether each is wanted, by emoji
 *
 * Why something that the user wanted of a message was undone. `content`: a text that is not saved.
 * @typedef {{conversationId: string, messageId: string, sentence: string, content?: string}} Refusal
 *
 * @typedef {{conversation: Conversation, position: string}} Entry
 * @typedef {{messages: Message[], position: string, older: string | null}} Thread oldest message first
 *
 * Older messages around one that the user looks at, apart from the newest. Both links are null at an end.
 * @typedef {{messages: Message[], position: string, older: string | null, newer: string | null}} Window
 *
 * The members of a group, latest first. `isPartial`: some that have joined since are missing; fetch them again.
 * @typedef {{members: Member[], position: string, more: string | null, isPartial: boolean}} Membership
 *
 * @typedef {object} State
 * @property {User | null | undefined} me undefined: not known yet
 * @property {Connection} connection
 * @property {string | null} version of the server that was live last; empty for 0.1.0, null before the first
 * @property {boolean} isPolled no events arrive, and the page polls
 * @property {Entry[] | null} entries latest activity first; null: not loaded yet
 * @property {string | null} moreEntries the link to the next page of them
 * @property {number} unreadElsewhere in conversations beyond `entries`
 * @property {boolean} recount whether `unreadElsewhere` must be fetched again
 * @property {Record<string, Thread>} threads by conversation id
 * @property {Record<string, Membership>} memberships by conversation id
 * @property {Record<string, Gone["reason"]>} gone why the user is no member any more, by conversation id
 * @property {Record<string, Window>} windows by conversation id
 * @property {Record<string, Message | null>} targets messages that replies answer, by id; null: the user can't see it
 * @property {Record<string, Record<string, number>>} typing until when each user counts as typing, by conversation and user id
 * @property {Record<string, Intent>} intents by message id
 * @property {Refusal | null} refusal the latest
 * @property {Draft[]} drafts in the order of sending
 * @property {string[]} unknown conversations that events mention and the list lacks
 * @property {FeedEvent[]} recent the last events, for snapshots that arrive late
 * @property {string} since the position where the known events begin; older snapshots are stale
 */

export {};
