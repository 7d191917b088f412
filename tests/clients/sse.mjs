// Asks through graphql-sse, and shows what comes: first the results of two queries and of a subscription that cannot begin, then
// the position of each event, wherever the connection is cut.
//
//   node sse.mjs http://127.0.0.1:8080/graphql
import { createClient } from 'graphql-sse';

const [url] = process.argv.slice(2);
const client = createClient({
  url,
  retryAttempts: Infinity,
  retry: () => new Promise((resolve) => setTimeout(resolve, 50)),
});
const show = (value) => console.log(JSON.stringify(value));

const subscription = 'subscription ($after: Cursor) { eventFeed(after: $after) { cursor event { position } } }';
for (const request of [
  { query: '{ __typename }' },
  { query: '{ nothing }' },
  { query: subscription, variables: { after: 'ffffffff-1' } },
]) {
  const results = [];
  for await (const result of client.iterate(request)) results.push(result);
  show(results);
}

const variables = { after: '0' };
for await (const { data, errors } of client.iterate({ query: subscription, variables })) {
  if (errors) throw new Error(JSON.stringify(errors));
  variables.after = data.eventFeed.cursor; // what a connection that is made again begins behind
  show(data.eventFeed.event.position);
}
