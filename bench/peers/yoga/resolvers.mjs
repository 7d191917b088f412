// The resolvers: the roots run a statement, everything below them goes through the loaders.

import { ANALYSIS, CALL, ORG, PROSPECT, USER } from "./rows.mjs";

const MOST = 100;
const atMost = (first) => Math.min(first, MOST);

// A place in the list of calls: the time of a call, to the microsecond, and its id.
const cursorOf = (call) => Buffer.from(JSON.stringify([call.createdAt, call.id])).toString("base64url");
const placeOf = (cursor) => JSON.parse(Buffer.from(cursor, "base64url").toString());

function calls(_, { first, after, orgId }, { rows }) {
  const values = [atMost(first)];
  const conditions = [];
  if (orgId) conditions.push(`c.org_id = $${values.push(orgId)}`);
  if (after) {
    const [createdAt, id] = placeOf(after);
    conditions.push(`(c.created_at, c.id) < ($${values.push(createdAt)}::TIMESTAMPTZ, $${values.push(id)})`);
  }
  const where = conditions.length ? `WHERE ${conditions.join(" AND ")}` : "";
  return rows(`SELECT ${CALL} FROM peer.calls c ${where} ORDER BY c.created_at DESC, c.id DESC LIMIT $1`, values);
}

function users(_, { first, teamId }, { rows }) {
  const values = [atMost(first)];
  const where = teamId ? `WHERE u.team_id = $${values.push(teamId)}` : "";
  return rows(`SELECT ${USER} FROM peer.users u ${where} ORDER BY u.created_at DESC, u.id DESC LIMIT $1`, values);
}

export const resolvers = {
  Query: {
    org: (_, { id }, { orgById }) => orgById.load(id),
    user: (_, { id }, { userById }) => userById.load(id),
    call: (_, { id }, { callById }) => callById.load(id),
    orgs: (_, __, { rows }) => rows(`SELECT ${ORG} FROM peer.orgs o ORDER BY o.created_at DESC, o.id DESC LIMIT ${MOST}`),
    users,
    prospects: (_, { first, orgId }, { rows }) =>
      rows(`SELECT ${PROSPECT} FROM peer.prospects p WHERE p.org_id = $1 ORDER BY p.id LIMIT $2`, [orgId, atMost(first)]),
    calls,
    callsByIds: (_, { ids }, { callById }) => callById.loadMany(ids),
    bestCalls: (_, { first, userId }, { rows }) =>
      rows(
        `SELECT ${CALL} FROM peer.calls c WHERE c.user_id = $1 ORDER BY c.score DESC, c.created_at DESC, c.id DESC LIMIT $2`,
        [userId, atMost(first)],
      ),
    callCount: async (_, { orgId, from, to }, { rows }) => {
      const text = `SELECT COUNT(*)::INTEGER AS count FROM peer.calls WHERE org_id = $1 AND created_at >= $2 AND created_at < $3`;
      return (await rows(text, [orgId, from, to]))[0].count;
    },
    callReport: (_, { orgId, from, to }, { rows }) =>
      rows(
        `SELECT user_id AS "userId", COUNT(*)::INTEGER AS calls, AVG(score) AS "meanScore" FROM peer.calls
         WHERE org_id = $1 AND created_at >= $2 AND created_at < $3 GROUP BY user_id`,
        [orgId, from, to],
      ),
    analyses: (_, { first }, { rows }) =>
      rows(
        `SELECT ${ANALYSIS} FROM peer.analyses a ORDER BY a.created_at DESC, a.call_id DESC, a.ordinal DESC LIMIT $1`,
        [atMost(first)],
      ),
  },
  CallPage: {
    nodes: (calls) => calls,
    pageInfo: (calls) => ({ endCursor: calls.length ? cursorOf(calls.at(-1)) : null }),
  },
  Org: {
    users: (org, { first }, { usersByOrg }) => usersByOrg(org.id, atMost(first)),
  },
  User: {
    org: (user, _, { orgById }) => orgById.load(user.orgId),
    calls: (user, { first }, { callsByUser }) => callsByUser(user.id, atMost(first)),
  },
  Call: {
    org: (call, _, { orgById }) => orgById.load(call.orgId),
    user: (call, _, { userById }) => userById.load(call.userId),
    prospects: (call, _, { prospectsByCall }) => prospectsByCall.load(call.id),
    lines: (call, _, { linesByCall }) => linesByCall.load(call.id),
    analyses: (call, _, { analysesByCall }) => analysesByCall.load(call.id),
  },
  Analysis: {
    call: (analysis, _, { callById }) => callById.load(analysis.callId),
  },
};
