/**
 * All texts of the page, also those for screen readers, by the place where they appear. No other module has texts.
 * index.html, the manifest and sw.js repeat a few of them, which tests/page/words.test.js compares.
 */

/** The language of all of them. */
export const LANGUAGE = "en";

/**
 * @param {number} count
 * @param {string} one
 * @param {string} many
 */
const counted = (count, one, many) => `${count} ${count === 1 ? one : many}`;

export const words = {
  name: "Messenger",
  tagline: "Messages arrive instantly and never get lost.",
  needsScript: "Messenger needs JavaScript to show your conversations.",
  tooOld: {
    title: "This browser is too old for Messenger",
    sentence: "Please update it, or use a current version of Chrome, Edge, Firefox or Safari.",
    missing: "What it lacks:",
  },

  wentWrong: "Something went wrong. Please try again.",
  unreachable: "Can't reach the server.",
  busy: "That was a lot at once. Please try again in a moment.",
  answered: (/** @type {number} */ status) => `The server answered with error ${status}.`,
  username: "Usernames can use letters, numbers and hyphens. They can't start or end with a hyphen.",
  cannotBeShown: "This can't be shown.",
  cannotBeLoaded: "This can't be loaded right now",
  toConversations: "Go to your conversations",
  back: "Back to conversations",
  backToSettings: "Back to settings",

  retrying: { title: "Can't reach the server", sentence: "Retrying…" },
  notFound: { title: "Page not found", sentence: "The link may be wrong, or you may not have access." },
  noSuchConversation: "This conversation doesn't exist, or you don't have access to it.",
  nothingOpen: {
    title: "Select a conversation",
    sentence: "Pick one from the list, or search people to start a new one.",
    start: "Start a conversation",
  },

  signIn: {
    username: "Username",
    submit: "Sign in",
    gitHub: "Sign in with GitHub",
    anyName: "Development sign-in: use any name, such as ",
    or: " or ",
    end: ".",
    bothSides: "To try both sides of a conversation, sign in as someone else in a private window.",
    noWay: "This server has no sign-in method set up yet. Please ask its administrator.",
    failed: "Couldn't sign you in",
    failures: {
      denied: "You cancelled the sign-in at GitHub.",
      expired: "That sign-in has expired or was already used. Please try again.",
      refused: "GitHub refused the sign-in. Please try again.",
      unreachable: "Can't reach GitHub. Please try again in a moment.",
      unusable: "GitHub sent an unexpected answer. Please try again later.",
      other: "The sign-in didn't work. Please try again.",
    },
  },

  connection: {
    connecting: "Connecting…",
    offline: "You're offline. Messages will send when you're back.",
    unreachable: "Can't reach the server. Retrying…",
    lastSeen: "Can't reach the server. This is what you saw last. Retrying…",
    polled: "Live updates aren't getting through. Checking for new messages every few seconds…",
    retry: "Retry now",
    notRenewed: "Couldn't refresh this conversation. Retrying…",
  },

  conversations: {
    label: "Conversations",
    empty: "No conversations yet. Search people to start one.",
    more: "Show more",
    noMessages: "No messages yet",
    you: "You: ",
    by: (/** @type {string} */ name) => `${name}: `,
    unread: " unread",
    mentioned: "Mentions you",
    mentionedToo: ", mentions you",
    unlisted: "Unsent messages",
  },

  search: {
    label: "Search people",
    suggestions: "Suggestions",
    none: (/** @type {string} */ search) => `No one found for “${search}”.`,
    found: (/** @type {number} */ count) => `${counted(count, "person", "people")} found`,
    yourself: "You can't start a conversation with yourself.",
    nobody: (/** @type {string} */ name) => `There's no one called ${name} here.`,
  },

  newGroup: {
    title: "New group",
    way: "New group",
    people: "Add people",
    chosen: "People in the group",
    remove: (/** @type {string} */ name) => `Remove ${name}`,
    added: (/** @type {string} */ name) => `${name} is added.`,
    removed: (/** @type {string} */ name) => `${name} is removed.`,
    name: "Name of the group",
    history: "New members see earlier messages",
    make: "Create group",
    nameless: "A group needs a name.",
    made: "This group was created before your last change. You'll find it among your conversations.",
  },

  group: {
    title: "Group details",
    back: "Back to the group",
    members: (/** @type {number} */ count) => counted(count, "member", "members"),
    details: " group details",
    rename: "Rename",
    save: "Save",
    cancel: "Cancel",
    historyAll: "New members see earlier messages.",
    historyJoined: "New members see only what is written after they join.",
    add: "Add",
    addPeople: "Add people",
    added: (/** @type {string} */ names) => `${names} added.`,
    search: "Search members",
    none: (/** @type {string} */ search) => `No member found for “${search}”.`,
    more: "Show more members",
    you: "You",
    admin: "Admin",
    options: (/** @type {string} */ name) => `Options for ${name}`,
    makeAdmin: "Make admin",
    makeMember: "Make member",
    stepDown: "Step down as admin",
    remove: "Remove from group",
    removeAsked: (/** @type {string} */ name) => `Remove ${name}? They can't read or write here any more.`,
    removed: (/** @type {string} */ name) => `${name} is removed.`,
    promoted: (/** @type {string} */ name) => `${name} is an admin now.`,
    demoted: (/** @type {string} */ name) => `${name} is a member now.`,
    leave: "Leave group",
    leaveAsked: "Leave this group? You can't come back on your own.",
    lastLeaves: "Leave this group? You're the last member, so it is deleted with all its messages.",
    refusals: {
      not_admin: "Only admins can do this.",
      last_admin: "A group needs an admin. Make someone else an admin first.",
      group_full: "The group would have too many members.",
      not_found: "This person is no longer in the group.",
    },
    gone: {
      title: "You're no longer in this group",
      left: "You left it.",
      removed: "An admin removed you.",
    },
  },

  unsent: {
    title: "Not sent",
    lead: "What you wrote here can't be sent. It's kept in this browser until you discard it.",
    copy: "Copy",
    copied: "Copied.",
    discard: "Discard",
  },

  conversation: {
    label: "Conversation",
    messages: "Messages",
    empty: "No messages yet. Say hello!",
    newMessages: "New messages",
    older: "Load older messages",
    olderFailed: "Couldn't load older messages. Try again",
    findingUnread: "Finding the first unread message…",
    finding: "Finding the message…",
    noSuchMessage: "That message isn't in this conversation.",
    unreadAbove: (/** @type {string} */ count) => `${count} unread`,
    newBelow: (/** @type {string} */ count) => `${count} new`,
    toUnread: "Jump to the first unread message",
    toNewest: "Jump to the latest messages",
  },

  /** What happened to a group. `who` and `whom` are names or "You", "you". */
  notices: {
    you: "You",
    toYou: "you",
    /** @param {string[]} names @param {number} others */
    list: (names, others) => {
      const all = others > 0 ? [...names, counted(others, "other", "others")] : names;
      return all.length > 1 ? `${all.slice(0, -1).join(", ")} and ${all.at(-1)}` : all.join("");
    },
    created: (/** @type {string} */ who, /** @type {string} */ whom) => (whom ? `${who} created the group with ${whom}` : `${who} created the group`),
    added: (/** @type {string} */ who, /** @type {string} */ whom) => `${who} added ${whom}`,
    joined: (/** @type {string} */ who) => `${who} joined by an invitation link`,
    removed: (/** @type {string} */ who, /** @type {string} */ whom) => `${who} removed ${whom}`,
    left: (/** @type {string} */ who) => `${who} left`,
    renamed: (/** @type {string} */ who, /** @type {string} */ name) => `${who} renamed the group to “${name}”`,
    promoted: (/** @type {string} */ who, /** @type {string} */ whom) => `${who} made ${whom} an admin`,
    demoted: (/** @type {string} */ who, /** @type {string} */ whom) => `${who} made ${whom} a member`,
    steppedDown: (/** @type {string} */ who) => `${who} stepped down as admin`,
    historyAll: (/** @type {string} */ who) => `${who} let new members see earlier messages`,
    historyJoined: (/** @type {string} */ who) => `${who} hid earlier messages from new members`,
    /** A run of notices, folded. @param {number} joined @param {number} left @param {number} others */
    folded: (joined, left, others) =>
      [
        joined > 0 && `${counted(joined, "person", "people")} joined`,
        left > 0 && `${joined > 0 ? left : counted(left, "person", "people")} left`,
        others > 0 && (joined + left > 0 ? counted(others, "other change", "other changes") : counted(others, "change", "changes")),
      ]
        .filter(Boolean)
        .join(", "),
  },

  message: {
    you: "You: ",
    deleted: "Message deleted",
    edited: "edited",
    reactions: "Reactions",
    /** @param {string} emoji @param {number} count @param {boolean} mine */
    reaction: (emoji, count, mine) => {
      if (!mine) return `${emoji} ${count}`;
      return count === 1 ? `${emoji} 1, you` : `${emoji} ${count}, you and ${counted(count - 1, "other", "others")}`;
    },
    yourself: "You",
    hidden: "A message that you can't see",
    earlier: "An earlier message",
    says: ": ",
    repliedTo: "In reply to ",
    by: (/** @type {string} */ name) => (name ? `${name}: ` : ""),
    showAll: "Show all",
    showLess: "Show less",
    sending: "Sending…",
    seen: "Seen",
    notSent: (/** @type {string} */ reason) => `Not sent. ${reason}`,
    refused: "This message can't be sent as it is.",
    retry: "Try again",
    discard: "Discard",
  },

  composer: {
    label: "Message",
    placeholder: "Write a message",
    send: "Send",
    emoji: "Emoji",
    left: (/** @type {number} */ count) => `${count} left`,
    over: (/** @type {number} */ count) => `${count} too many`,
  },

  files: {
    notYet: "Files can't be sent yet. Text and links can.",
  },

  emoji: {
    label: "Emoji",
    search: "Search emoji",
    none: "No emoji found.",
  },

  notifications: {
    label: "Notifications",
    on: "Notifications are on",
    off: "Notifications are off",
    blocked: "Notifications are blocked in your browser's settings",
    offer: "You got a message while you were away.",
    turnOn: "Turn on notifications",
    notNow: "Not now",
    many: (/** @type {string} */ name, /** @type {number} */ count) => `${name}: ${count} new messages`,
  },

  release: {
    ready: "A new version of Messenger is ready.",
    reload: "Reload",
  },

  settings: { title: "Settings" },

  account: {
    signOut: "Sign out",
    unsent: (/** @type {number} */ count) =>
      `You have ${count === 1 ? "an unsent message" : `${count} unsent messages`}. Sign out anyway?`,
    stay: "Stay signed in",
    discard: "Discard and sign out",
    failed: "Couldn't sign you out: can't reach the server.",
  },

  devices: {
    title: "Signed-in devices",
    lead: "See a device you don't recognise? Sign it out here.",
    current: "This browser",
    lastSeen: "Last active ",
    signedIn: "Signed in ",
    end: "Sign out",
    endNamed: (/** @type {string} */ name) => `Sign out ${name}`,
    ended: (/** @type {string} */ name) => `${name} is signed out.`,
    endOthers: "Sign out all other devices",
    othersEnded: "All other devices are signed out.",
    named: (/** @type {string} */ browser, /** @type {string} */ system) => `${browser} on ${system}`,
    unknown: "Unknown device",
  },

  theme: {
    label: "Theme",
    system: "System",
    light: "Light",
    dark: "Dark",
  },

  days: {
    today: "Today",
    yesterday: "Yesterday",
  },
};
