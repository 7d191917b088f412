// GraphQL Yoga 5 with resolvers by hand: what a developer writes who knows DataLoader, prepared statements and keyset cursors.
//
// Each level of a question is one statement, however many parents it has.

import { createServer } from "node:http";
import { createSchema, createYoga } from "graphql-yoga";
import pg from "pg";
import { listen } from "./listen.mjs";
import { loaders } from "./yoga/loaders.mjs";
import { resolvers } from "./yoga/resolvers.mjs";
import { typeDefs } from "./yoga/schema.mjs";

// Times stay texts: a JavaScript date would lose the microseconds that a cursor needs.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => text);

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 16 });

// A statement's text is prepared once on each connection, under its name.
const names = new Map();
async function rows(text, values) {
  let name = names.get(text);
  if (!name) names.set(text, (name = `s${names.size}`));
  return (await pool.query({ name, text, values })).rows;
}

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  context: () => ({ rows, ...loaders(rows) }),
  graphiql: false,
  landingPage: false,
  logging: false,
  multipart: false,
});
listen(createServer(yoga));
