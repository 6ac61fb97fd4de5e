/** The texts of what users can do with messages, beside those in words.js. They load later. */

export const words = {
  acts: {
    label: "Message options",
    more: "More",
    reply: "Reply",
    react: "React",
    edit: "Edit",
    copy: "Copy text",
    link: "Copy link",
    details: "Details",
    delete: "Delete",
    otherEmoji: "Other emoji",
    copied: "Copied.",
    notCopied: "Your browser doesn't allow copying.",
    deleteAsked: "Delete this message for everyone?",
    cancel: "Cancel",
    close: "Close",
    sent: "Sent",
    edited: "Edited",
    by: "From",
    readBy: "Read by",
    notRead: "Nobody yet",
    unknownReaders: "This can't be loaded right now.",
    tooManyMembers: "This group has too many members to show who has read a message.",
  },

  refusals: {
    version: "This message was changed on another device in the meantime. Your change is not saved.",
    too_late: "It's too late to edit this message.",
    deleted: "This message has been deleted in the meantime.",
    not_yours: "You can't do this with someone else's message.",
    too_many_reactions: "This message has as many different reactions as possible.",
    not_found: "This message doesn't exist any more.",
    copy: "Copy your text",
    dismiss: "Dismiss",
  },

  composer: {
    replying: (/** @type {string} */ name) => `Reply to ${name}`,
    yourself: "yourself",
    editing: "Edit message",
    cancelReply: "Cancel the reply",
    cancelEdit: "Cancel editing",
    save: "Save",
    members: "Members",
  },

  typing: {
    /** @param {string[]} names @param {number} others people whose name is not known */
    now: (names, others) => {
      if (names.length === 0) return others > 1 ? "Several people are typing…" : "Someone is typing…";
      if (names.length + others > 2) return "Several people are typing…";
      if (names.length === 2) return `${names[0]} and ${names[1]} are typing…`;
      return others === 1 ? `${names[0]} and someone else are typing…` : `${names[0]} is typing…`;
    },
  },

  conversation: {
    options: "Conversation options",
    notify: "Notifications",
    all: "All messages",
    mentions: "Only when you're mentioned",
    none: "None",
    failed: "Couldn't change this. Please try again.",
  },

  settings: {
    privacy: "What others see",
    receipts: "Show others when I've read their messages",
    typing: "Show others when I'm typing",
    failed: "Couldn't change this. Please try again.",
    displayName: "Displayed name",
    save: "Save",
    saved: "Saved.",
  },
};
