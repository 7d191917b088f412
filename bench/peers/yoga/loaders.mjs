// The DataLoaders of one request: what the resolvers of a level ask for one by one is read in one statement.

import DataLoader from "dataloader";
import { ANALYSIS, CALL, LINE, ORG, PROSPECT, USER } from "./rows.mjs";

export function loaders(rows) {
  // One row for each id.
  const one = (text) =>
    new DataLoader(async (ids) => {
      const found = new Map((await rows(text, [ids])).map((row) => [row.id, row]));
      return ids.map((id) => found.get(id) ?? null);
    });
  // The rows of each parent, in order.
  const many = (text) => {
    const batch = (values) => async (parents) => {
      const found = new Map(parents.map((parent) => [parent, []]));
      for (const row of await rows(text, [parents, ...values])) found.get(row.parent).push(row);
      return parents.map((parent) => found.get(parent));
    };
    return (...values) => new DataLoader(batch(values));
  };
  // At most `first` rows of each parent: a loader for each number that is asked for.
  const first = (text) => {
    const loader = many(text);
    const loaders = new Map();
    return (parent, number) => {
      if (!loaders.has(number)) loaders.set(number, loader(number));
      return loaders.get(number).load(parent);
    };
  };

  return {
    orgById: one(`SELECT ${ORG} FROM peer.orgs o WHERE o.id = ANY($1)`),
    userById: one(`SELECT ${USER} FROM peer.users u WHERE u.id = ANY($1)`),
    callById: one(`SELECT ${CALL} FROM peer.calls c WHERE c.id = ANY($1)`),
    prospectsByCall: many(
      `SELECT cp.call_id AS parent, ${PROSPECT}
       FROM peer.call_prospects cp JOIN peer.prospects p ON p.id = cp.prospect_id WHERE cp.call_id = ANY($1)`,
    )(),
    linesByCall: many(
      `SELECT l.call_id AS parent, ${LINE} FROM peer.transcript_lines l WHERE l.call_id = ANY($1) ORDER BY l.call_id, l.index`,
    )(),
    analysesByCall: many(
      `SELECT a.call_id AS parent, ${ANALYSIS} FROM peer.analyses a WHERE a.call_id = ANY($1) ORDER BY a.call_id, a.ordinal`,
    )(),
    usersByOrg: first(
      `SELECT parent.id AS parent, u.* FROM unnest($1::TEXT[]) AS parent (id) CROSS JOIN LATERAL (
         SELECT ${USER} FROM peer.users u WHERE u.org_id = parent.id ORDER BY u.created_at DESC, u.id DESC LIMIT $2) u`,
    ),
    callsByUser: first(
      `SELECT parent.id AS parent, c.* FROM unnest($1::TEXT[]) AS parent (id) CROSS JOIN LATERAL (
         SELECT ${CALL} FROM peer.calls c WHERE c.user_id = parent.id ORDER BY c.created_at DESC, c.id DESC LIMIT $2) c`,
    ),
  };
}
