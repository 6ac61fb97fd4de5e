// Reads an event stream with an EventSource that others wrote, and prints its durable events.
// usage: node eventsource.js undici|eventsource|polyfill URL NUMBER NAME...

import polyfill from 'event-source-polyfill'
import { EventSource as Npm } from 'eventsource'
import { EventSource as Undici } from 'undici'

const [kind, url, number, ...names] = process.argv.slice(2)
const source = new { undici: Undici, eventsource: Npm, polyfill: WithHeader }[kind](url)
let seen = 0

/** What people take who must send a header: the token goes into one, the position into the query. */
function WithHeader(url) {
  const target = new URL(url)
  const headers = { Authorization: `Bearer ${target.searchParams.get('token')}` }
  target.searchParams.delete('token')
  return new polyfill.EventSourcePolyfill(target.href, { headers })
}

setInterval(() => {}, 1000) // while undici waits to come back, it does not keep Node running

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
