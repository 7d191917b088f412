-- The schema that a user of the peers would write: tables with keys and real times, and an index for what each question reads.
--
-- Filled from Hookgraph's read model, whose schema stands where `{READ}` does, so that all contestants answer from the same rows. Rows
-- that name what never arrived are left out, for foreign keys are what PostGraphile and Seaography make their relations of.

DROP SCHEMA IF EXISTS peer CASCADE;
CREATE SCHEMA peer;

CREATE TABLE peer.orgs (
    id         TEXT PRIMARY KEY,
    name       TEXT,
    status     TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    deleted_at TIMESTAMPTZ
);

CREATE TABLE peer.users (
    id         TEXT PRIMARY KEY,
    org_id     TEXT NOT NULL REFERENCES peer.orgs (id),
    team_id    TEXT,
    name       TEXT,
    email      TEXT,
    role       TEXT,
    status     TEXT,
    streak     DOUBLE PRECISION,
    created_at TIMESTAMPTZ NOT NULL,
    deleted_at TIMESTAMPTZ
);

CREATE TABLE peer.prospects (
    id           TEXT PRIMARY KEY,
    org_id       TEXT NOT NULL REFERENCES peer.orgs (id),
    name         TEXT,
    company_name TEXT,
    job_title    TEXT,
    industry     TEXT,
    difficulty   TEXT
);

CREATE TABLE peer.calls (
    id         TEXT PRIMARY KEY,
    org_id     TEXT NOT NULL REFERENCES peer.orgs (id),
    user_id    TEXT NOT NULL REFERENCES peer.users (id),
    title      TEXT,
    duration   DOUBLE PRECISION,
    score      DOUBLE PRECISION,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE peer.call_prospects (
    call_id     TEXT NOT NULL REFERENCES peer.calls (id),
    prospect_id TEXT NOT NULL REFERENCES peer.prospects (id),
    PRIMARY KEY (call_id, prospect_id)
);

CREATE TABLE peer.transcript_lines (
    call_id       TEXT NOT NULL REFERENCES peer.calls (id),
    index         INTEGER NOT NULL,
    speaker       TEXT NOT NULL,
    speaker_name  TEXT,
    prospect_id   TEXT,
    prospect_text TEXT,
    created_at    TIMESTAMPTZ,
    PRIMARY KEY (call_id, index)
);

CREATE TABLE peer.analyses (
    call_id       TEXT NOT NULL REFERENCES peer.calls (id),
    ordinal       INTEGER NOT NULL,
    analysis_type TEXT,
    score         DOUBLE PRECISION,
    summary       TEXT,
    created_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (call_id, ordinal)
);

CREATE FUNCTION peer.time_of(microseconds BIGINT) RETURNS TIMESTAMPTZ LANGUAGE SQL IMMUTABLE
    RETURN TIMESTAMPTZ 'epoch' + microseconds * INTERVAL '1 microsecond';

INSERT INTO peer.orgs
SELECT id, name, status, peer.time_of(ordered_at), peer.time_of(deleted_at) FROM {READ}.orgs WHERE NOT is_example;

INSERT INTO peer.users
SELECT u.id, u.org_id, u.team_id, u.name, u.email, u.role, u.status, u.streak, peer.time_of(u.ordered_at), peer.time_of(u.deleted_at)
FROM {READ}.users u JOIN peer.orgs o ON o.id = u.org_id WHERE NOT u.is_example;

INSERT INTO peer.prospects
SELECT p.id, p.org_id, p.name, p.company_name, p.job_title, p.industry, p.difficulty
FROM {READ}.prospects p JOIN peer.orgs o ON o.id = p.org_id WHERE NOT p.is_example;

INSERT INTO peer.calls
SELECT c.id, c.org_id, c.user_id, c.title, c.duration, c.score, peer.time_of(c.ordered_at)
FROM {READ}.calls c JOIN peer.orgs o ON o.id = c.org_id JOIN peer.users u ON u.id = c.user_id
WHERE NOT c.is_example ORDER BY c.ordered_at;

INSERT INTO peer.call_prospects
SELECT DISTINCT cp.call_id, cp.prospect_id
FROM {READ}.call_prospects cp JOIN peer.calls c ON c.id = cp.call_id JOIN peer.prospects p ON p.id = cp.prospect_id;

INSERT INTO peer.transcript_lines
SELECT t.call_id, line.number - 1, line.value ->> 'by', line.value ->> 'name', line.value ->> 'id', line.value ->> 'text',
    peer.time_of((line.value ->> 'at')::BIGINT)
FROM {READ}.transcripts t JOIN peer.calls c ON c.id = t.call_id
CROSS JOIN LATERAL jsonb_array_elements(t.lines::JSONB) WITH ORDINALITY AS line (value, number)
ORDER BY t.call_id, line.number;

INSERT INTO peer.analyses
SELECT a.call_id, a.ordinal, a.analysis_type, a.score, a.summary, c.created_at
FROM {READ}.analyses a JOIN peer.calls c ON c.id = a.call_id;

DROP FUNCTION peer.time_of;

CREATE INDEX users_org ON peer.users (org_id, created_at, id);
CREATE INDEX users_team ON peer.users (team_id, created_at, id);
CREATE INDEX prospects_org ON peer.prospects (org_id, id);
CREATE INDEX calls_created ON peer.calls (created_at, id);
-- With what a report reads, so that it need not look at the rows.
CREATE INDEX calls_org ON peer.calls (org_id, created_at, id) INCLUDE (user_id, score);
CREATE INDEX calls_user ON peer.calls (user_id, created_at, id);
CREATE INDEX calls_user_score ON peer.calls (user_id, score, created_at, id);
CREATE INDEX call_prospects_prospect ON peer.call_prospects (prospect_id, call_id);
CREATE INDEX analyses_created ON peer.analyses (created_at, call_id, ordinal);
