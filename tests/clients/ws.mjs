// Follows the feed twice through one socket of graphql-ws: one operation is completed after two events, the other goes on, wherever the
// connection is cut.
//
//   node ws.mjs ws://127.0.0.1:8080/graphql
import { createClient } from 'graphql-ws';

const [url] = process.argv.slice(2);
let sockets = 0;
const client = createClient({
  url,
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
  on: { connected: () => (sockets += 1) },
});
const query = 'subscription ($after: Cursor) { eventFeed(after: $after) { cursor event { position } } }';

async function follow(name, most) {
  const variables = { after: '0' };
  let seen = 0;
  for await (const { data, errors } of client.iterate({ query, variables })) {
    if (errors) throw new Error(JSON.stringify(errors));
    variables.after = data.eventFeed.cursor;
    console.log(JSON.stringify({ name, position: data.eventFeed.event.position, sockets }));
    seen += 1;
    if (seen === most) break;
  }
}

await Promise.all([follow('short', 2), follow('long', Infinity)]);
