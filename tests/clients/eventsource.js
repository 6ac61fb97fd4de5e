// Reads an event stream with other people's EventSource, and prints its durable events.
// usage: node eventsource.js undici|eventsource|polyfill URL NUMBER NAME...

import polyfill from 'event-source-polyfill'
import { EventSource as Npm } from 'eventsource'
import { EventSource as Undici } from 'undici'

const [kind, url, number, ...names] = process.argv.slice(2)
const source = new { undici: Undici, eventsource: Npm, polyfill: WithHeader }[kind](url)
let seen = 0

/** The client for users who must send a header: the token is in the header, the position in the query. */
function WithHeader(url) {
  const target = new URL(url)
  const headers = { Authorization: `Bearer ${target.searchParams.get('token')}` }
  target.searchParams.delete('token')
  return new polyfill.EventSourcePolyfill(target.href, { headers })
}

setInterval(() => {}, 1000) // undici does not keep Node running while it waits to reconnect

for (const name of names) {
  source.addEventListener(name, (event) => {
    console.log(JSON.stringify([name, JSON.parse(event.data), event.lastEventId]))
    seen += 1
    if (seen === Number(number)) {
      source.close()
      process.exit()
    }
  })
}
