// Sends what the editor runs: queries by HTTP, subscriptions by a WebSocket, both to `/graphql` of the server that served the page.
import { getOperationAST } from 'graphql';
import { createClient } from 'graphql-ws';

import { withEarlier } from './live.js';

const endpoint = new URL('/graphql', location.href);
const socketEndpoint = new URL(endpoint);
socketEndpoint.protocol = endpoint.protocol.replace('http', 'ws');

const FORBIDDEN = 4403;
const LONGEST_WAIT_MS = 10_000;

/** GraphiQL's fetcher: a promise of a result, or something to subscribe to. */
export function execute(request, { headers, documentAST } = {}) {
  const operation = documentAST && getOperationAST(documentAST, request.operationName);
  return operation?.operation === 'subscription'
    ? { subscribe: (observer) => subscribe(request, headers, withEarlier(observer)) }
    : post(request, headers);
}

async function post(request, headers) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      accept: 'application/graphql-response+json, application/json;q=0.9',
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify(request),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`The server answered ${response.status} ${response.statusText}: ${text.slice(0, 1000)}`);
  }
}

// A socket for each subscription, because the token belongs to the tab that runs it.
function subscribe(request, headers, observer) {
  const client = createClient({
    url: socketEndpoint.href,
    connectionParams: connectionParams(headers),
    // A server that restarts comes back; one that refuses the token will refuse it again.
    retryAttempts: Infinity,
    shouldRetry: (event) => event?.code !== FORBIDDEN,
    retryWait,
  });
  const stop = client.subscribe(request, {
    next: (result) => observer.next(result),
    error: (error) => observer.error(explain(error)),
    complete: () => observer.complete(),
  });
  return {
    unsubscribe() {
      stop();
      client.dispose();
    },
  };
}

/** A browser cannot set headers on a WebSocket: the token travels in the first message instead. */
function connectionParams(headers = {}) {
  const name = Object.keys(headers).find((key) => key.toLowerCase() === 'authorization');
  return name && { authorization: headers[name] };
}

function retryWait(retries) {
  const wait = Math.min(500 * 2 ** retries, LONGEST_WAIT_MS);
  // Spread, so that the open pages do not all return in the same instant.
  return new Promise((resolve) => setTimeout(resolve, wait * (0.7 + 0.6 * Math.random())));
}

function explain(error) {
  if (error instanceof Error || Array.isArray(error)) return error;
  return new Error(`The socket closed: ${error?.code ?? 'unknown'} ${error?.reason ?? ''}`.trim());
}
