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
    unread: " unread",
  },

  search: {
    label: "Search people",
    suggestions: "Suggestions",
    none: (/** @type {string} */ search) => `No one found for “${search}”.`,
    found: (/** @type {number} */ count) => `${counted(count, "person", "people")} found`,
    yourself: "You can't start a conversation with yourself.",
    nobody: (/** @type {string} */ name) => `There's no one called ${name} here.`,
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

  message: {
    you: "You: ",
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
