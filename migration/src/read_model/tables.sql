-- Times (`*_at`) are microseconds since 1970-01-01T00:00:00Z. `ordered_at` is what lists are sorted by: never null, so that
-- a keyset cursor has something to compare. `*_stamp` and `*_instant` are the registers that make the order of arrival
-- irrelevant (see ingest::projection). `*_key` are texts folded by ingest::fold, for comparing and sorting. No foreign keys: no event may fail because another has not arrived.
--
-- Indexes: what is null counts as less than any number and earlier than any time, so that a cursor has something to compare. Of a text
-- without bound the first 200 characters are in the index: PostgreSQL refuses entries over 2,704 bytes, and with it the row. The same
-- expressions stand in api::graphql::indexed.

CREATE TABLE IF NOT EXISTS checkpoint (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    position   BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    tables     INTEGER NOT NULL,
    rules      INTEGER NOT NULL,
    ready      BOOLEAN NOT NULL
);

CREATE TABLE IF NOT EXISTS event_index (
    position      {POSITION},
    event_id      {ID},
    event_type    {ID},
    declared_type TEXT,
    org_id        {ID},
    subject_kind  TEXT,
    subject_id    {ID},
    occurred_at   BIGINT,
    body_hash     {ID} NOT NULL,
    size          BIGINT NOT NULL,
    outcome       {ID} NOT NULL,
    reason        TEXT,
    is_example    BOOLEAN NOT NULL,
    duplicate_of  BIGINT
);
CREATE INDEX IF NOT EXISTS event_index_body ON event_index (body_hash);
CREATE INDEX IF NOT EXISTS event_index_type ON event_index (event_type, position);
CREATE INDEX IF NOT EXISTS event_index_org ON event_index (org_id, position);
CREATE INDEX IF NOT EXISTS event_index_subject ON event_index (subject_id, position);
CREATE INDEX IF NOT EXISTS event_index_outcome ON event_index (outcome, position);
CREATE INDEX IF NOT EXISTS event_index_occurred ON event_index (COALESCE(occurred_at, -9000000000000000000), position);

CREATE TABLE IF NOT EXISTS orgs (
    id               {ID} NOT NULL PRIMARY KEY,
    name             TEXT,
    name_key         {ID} NOT NULL,
    image            TEXT,
    status           TEXT,
    created_at       BIGINT,
    ordered_at       BIGINT NOT NULL,
    deleted_at       BIGINT,
    is_deleted       BOOLEAN NOT NULL,
    is_example       BOOLEAN NOT NULL,
    attributes_stamp {ID},
    life_instant     {ID},
    deletion_instant {ID},
    last_position    BIGINT
);
CREATE INDEX IF NOT EXISTS orgs_order ON orgs (ordered_at, id);
CREATE INDEX IF NOT EXISTS orgs_name ON orgs (name_key, id);
CREATE INDEX IF NOT EXISTS orgs_status ON orgs (substr(status, 1, 200), ordered_at, id);

CREATE TABLE IF NOT EXISTS users (
    id               {ID} NOT NULL PRIMARY KEY,
    org_id           {ID},
    name             TEXT,
    name_key         {ID} NOT NULL,
    email            TEXT,
    email_key        {ID},
    image            TEXT,
    role             TEXT,
    status           TEXT,
    customer_id      TEXT,
    manager_id       {ID},
    team_id          {ID},
    streak           DOUBLE PRECISION,
    longest_streak   DOUBLE PRECISION,
    created_at       BIGINT,
    ordered_at       BIGINT NOT NULL,
    deleted_at       BIGINT,
    is_deleted       BOOLEAN NOT NULL,
    is_example       BOOLEAN NOT NULL,
    attributes_stamp {ID},
    life_instant     {ID},
    deletion_instant {ID},
    last_position    BIGINT
);
CREATE INDEX IF NOT EXISTS users_order ON users (ordered_at, id);
CREATE INDEX IF NOT EXISTS users_org ON users (org_id, ordered_at, id);
CREATE INDEX IF NOT EXISTS users_team ON users (team_id, ordered_at, id);
CREATE INDEX IF NOT EXISTS users_manager ON users (manager_id, ordered_at, id);
CREATE INDEX IF NOT EXISTS users_name ON users (name_key, id);
CREATE INDEX IF NOT EXISTS users_email ON users (email_key, ordered_at, id);
CREATE INDEX IF NOT EXISTS users_role ON users (substr(role, 1, 200), ordered_at, id);
CREATE INDEX IF NOT EXISTS users_status ON users (substr(status, 1, 200), ordered_at, id);
CREATE INDEX IF NOT EXISTS users_streak ON users (COALESCE(streak, {LEAST}), ordered_at, id);
CREATE INDEX IF NOT EXISTS users_longest_streak ON users (COALESCE(longest_streak, {LEAST}), ordered_at, id);

CREATE TABLE IF NOT EXISTS prospects (
    org_id                    {ID} NOT NULL,
    id                        {ID} NOT NULL,
    name                      TEXT,
    image_url                 TEXT,
    additional_info           TEXT,
    age                       DOUBLE PRECISION,
    budget_authority          TEXT,
    communication_style       TEXT,
    company_name              TEXT,
    company_size              DOUBLE PRECISION,
    decision_making_process   TEXT,
    difficulty                TEXT,
    education                 TEXT,
    gender                    TEXT,
    goals                     TEXT,
    industry                  TEXT,
    information_sources       TEXT,
    job_title                 TEXT,
    key_performance_indicators TEXT,
    key_responsibilities      TEXT,
    nationality               TEXT,
    new_technology_attitude   TEXT,
    objections_to_new_tools   TEXT,
    pain_points               TEXT,
    personal_motivations      TEXT,
    preferred_vendors         TEXT,
    tech_savviness            DOUBLE PRECISION,
    years_of_experience       DOUBLE PRECISION,
    is_example                BOOLEAN NOT NULL,
    attributes_stamp          {ID},
    last_position             BIGINT,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX IF NOT EXISTS prospects_id ON prospects (id);
CREATE INDEX IF NOT EXISTS prospects_name ON prospects (substr(name, 1, 200), org_id, id);
CREATE INDEX IF NOT EXISTS prospects_difficulty ON prospects (substr(difficulty, 1, 200), org_id, id);
CREATE INDEX IF NOT EXISTS prospects_industry ON prospects (substr(industry, 1, 200), org_id, id);
CREATE INDEX IF NOT EXISTS prospects_job_title ON prospects (substr(job_title, 1, 200), org_id, id);

CREATE TABLE IF NOT EXISTS calls (
    id               {ID} NOT NULL PRIMARY KEY,
    org_id           {ID},
    user_id          {ID},
    sent_user_id     TEXT,
    manager_id       {ID},
    team_id          {ID},
    title            TEXT,
    prospect_ids     TEXT NOT NULL,
    duration         DOUBLE PRECISION,
    score            DOUBLE PRECISION,
    created_at       BIGINT,
    ordered_at       BIGINT NOT NULL,
    is_example       BOOLEAN NOT NULL,
    attributes_stamp {ID} NOT NULL,
    last_position    BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_order ON calls (ordered_at, id);
CREATE INDEX IF NOT EXISTS calls_org ON calls (org_id, ordered_at, id);
CREATE INDEX IF NOT EXISTS calls_user ON calls (user_id, ordered_at, id);
CREATE INDEX IF NOT EXISTS calls_team ON calls (team_id, ordered_at, id);
CREATE INDEX IF NOT EXISTS calls_manager ON calls (manager_id, ordered_at, id);
CREATE INDEX IF NOT EXISTS calls_score ON calls (COALESCE(score, {LEAST}), ordered_at, id);
CREATE INDEX IF NOT EXISTS calls_duration ON calls (COALESCE(duration, {LEAST}), ordered_at, id);

CREATE TABLE IF NOT EXISTS call_prospects (
    call_id     {ID} NOT NULL,
    ordinal     INTEGER NOT NULL,
    org_id      {ID} NOT NULL,
    prospect_id {ID},
    difficulty  TEXT,
    industry    TEXT,
    job_title   TEXT,
    call_ordered_at BIGINT NOT NULL,
    PRIMARY KEY (call_id, ordinal)
);
CREATE INDEX IF NOT EXISTS call_prospects_prospect ON call_prospects (org_id, prospect_id, call_ordered_at, call_id);
CREATE INDEX IF NOT EXISTS call_prospects_id ON call_prospects (prospect_id, call_id);
CREATE INDEX IF NOT EXISTS call_prospects_difficulty ON call_prospects (substr(difficulty, 1, 200), call_id);
CREATE INDEX IF NOT EXISTS call_prospects_industry ON call_prospects (substr(industry, 1, 200), call_id);
CREATE INDEX IF NOT EXISTS call_prospects_job_title ON call_prospects (substr(job_title, 1, 200), call_id);

CREATE TABLE IF NOT EXISTS transcripts (
    call_id             {ID} NOT NULL PRIMARY KEY,
    line_count          INTEGER NOT NULL,
    rep_word_count      INTEGER NOT NULL,
    prospect_word_count INTEGER NOT NULL,
    rep_turn_count      INTEGER NOT NULL,
    prospect_turn_count INTEGER NOT NULL,
    lines               {DOCUMENT} NOT NULL
);

CREATE TABLE IF NOT EXISTS analyses (
    call_id       {ID} NOT NULL,
    ordinal       INTEGER NOT NULL,
    analysis_type {ID},
    score         DOUBLE PRECISION,
    summary       TEXT,
    call_ordered_at BIGINT NOT NULL,
    PRIMARY KEY (call_id, ordinal)
);
CREATE INDEX IF NOT EXISTS analyses_order ON analyses (call_ordered_at, call_id, ordinal);
CREATE INDEX IF NOT EXISTS analyses_type ON analyses (analysis_type, call_ordered_at, call_id, ordinal);
CREATE INDEX IF NOT EXISTS analyses_score ON analyses (COALESCE(score, {LEAST}), call_ordered_at, call_id, ordinal);

CREATE TABLE IF NOT EXISTS insights (
    call_id  {ID} NOT NULL,
    analysis INTEGER NOT NULL,
    kind     {ID} NOT NULL,
    ordinal  INTEGER NOT NULL,
    text     TEXT NOT NULL,
    -- The words of `text` as ingest::fold makes them, 512 bytes at most: what is said in the same words is the same.
    text_key {ID} NOT NULL,
    PRIMARY KEY (call_id, analysis, kind, ordinal)
);
CREATE INDEX IF NOT EXISTS insights_text ON insights (kind, text_key, call_id);
