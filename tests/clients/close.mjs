// What graphql-ws makes of the codes by which the server closes a socket: it shows each close, and what came of the operations.
//
//   node close.mjs ws://127.0.0.1:8080/graphql
//
// 4408: connectionParams that never come hold back connection_init. The client connects again, and its query is answered then.
// 4409: an id that is taken. The client gives up, however often it may retry.
import { createClient } from 'graphql-ws';

const [url] = process.argv.slice(2);
const show = (value) => console.log(JSON.stringify(value));

function client(options) {
  const closed = [];
  let connections = 0;
  const made = createClient({
    url,
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    // Kept open behind its last operation, so that what closes it is the server.
    lazyCloseTimeout: 60_000,
    on: {
      connecting: () => (connections += 1),
      closed: ({ code, reason, wasClean }) => closed.push({ code, reason, wasClean }),
    },
    ...options,
  });
  return { made, closed, connections: () => connections };
}

// The first result of an operation, or the close by which it failed.
function first(made, query) {
  return new Promise((resolve) => {
    const stop = made.subscribe(
      { query },
      {
        next: (result) => {
          resolve({ result });
          setTimeout(() => stop());
        },
        error: (error) => resolve({ error: { code: error.code, errors: Array.isArray(error) } }),
        complete: () => resolve({}),
      },
    );
  });
}

{
  let asked = 0;
  const never = new Promise(() => {});
  const connectionParams = () => ((asked += 1) === 1 ? never : {});
  const { made, closed, connections } = client({ connectionParams });
  const answer = await first(made, '{ __typename }');
  show({ case: 4408, closed, connections: connections(), answers: [answer] });
  await made.dispose();
}

{
  const { made, closed, connections } = client({ generateID: () => 'taken' });
  const query = 'subscription { eventFeed(after: "0") { cursor } }';
  // Nothing has come yet, so both wait.
  const answers = await Promise.all([first(made, query), first(made, query)]);
  // Time to connect again, if it would.
  await new Promise((resolve) => setTimeout(resolve, 300));
  show({ case: 4409, closed, connections: connections(), answers });
  await made.dispose();
}

// The client's own timer, which would close an idle socket, is of no use any more.
process.exit(0);
