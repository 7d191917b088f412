// The columns of each table, by the names of the schema's fields, so that a row is an object that the default resolvers read.

export const ORG = `o.id, o.name, o.status, o.created_at AS "createdAt"`;
export const USER = `u.id, u.org_id AS "orgId", u.name, u.email, u.role, u.status, u.streak, u.created_at AS "createdAt"`;
export const CALL = `c.id, c.org_id AS "orgId", c.user_id AS "userId", c.title, c.duration, c.score, c.created_at AS "createdAt"`;
export const PROSPECT = `p.id, p.name, p.company_name AS "companyName", p.job_title AS "jobTitle", p.industry, p.difficulty`;
export const LINE = `l.index, l.speaker, l.speaker_name AS "speakerName", l.prospect_id AS "prospectId", l.prospect_text AS "prospectText",
  l.created_at AS "createdAt"`;
export const ANALYSIS = `a.call_id AS "callId", a.analysis_type AS "analysisType", a.score, a.summary`;
