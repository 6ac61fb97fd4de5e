/** The most common emoji, with words to find them. */

const LISTED = `
😀 grinning smile happy|😂 joy laugh tears|🤣 rolling laugh|😊 blush smile|🙂 slight smile|😉 wink|😍 heart eyes love|😘 kiss
😎 cool sunglasses|🤔 thinking|😐 neutral|🙄 eye roll|😬 grimace|😴 sleeping tired|😢 cry sad|😭 sob cry
😡 angry|😱 scream fear|😳 flushed|🥳 party|🤯 mind blown|🤗 hug|🤷 shrug|🤦 facepalm
👍 thumbs up yes|👎 thumbs down no|👌 ok|👏 clap|🙏 please thanks|🤝 handshake|💪 strong|👋 wave hello
✌️ peace victory|🤞 fingers crossed luck|👀 eyes look|🙌 hooray hands|❤️ red heart love|💔 broken heart|💚 green heart|💙 blue heart
🔥 fire hot|✨ sparkles|⭐ star|🎉 party tada celebrate|🎂 cake birthday|🎁 gift present|🏆 trophy win|💯 hundred
✅ check done yes|❌ cross no|❓ question|❗ exclamation|⚠️ warning|💡 idea bulb|⏰ alarm time|📅 calendar date
☕ coffee|🍕 pizza|🍎 apple|🍺 beer|🥂 cheers glasses|🌞 sun|🌧️ rain|🌈 rainbow
🐶 dog|🐱 cat|🌹 rose flower|🌳 tree|🚀 rocket launch|🚲 bicycle|🚆 train|✈️ plane travel
🏠 house home|💻 laptop computer|📱 phone|📷 camera|🎵 music|⚽ football|📚 books|🐛 bug
`;

/** @typedef {{emoji: string, words: string}} Emoji */

/** @type {Emoji[]} */
export const EMOJI = LISTED.trim()
  .split(/[|\n]/)
  .map((entry) => ({ emoji: entry.slice(0, entry.indexOf(" ")), words: entry.slice(entry.indexOf(" ") + 1) }));

/**
 * The emoji with a word that begins with `search`; all of them for an empty text.
 * @param {string} search
 */
export function emojiFor(search) {
  const wanted = search.trim().toLowerCase();
  return EMOJI.filter(({ words }) => words.split(" ").some((word) => word.startsWith(wanted)) || words.startsWith(wanted));
}
