-- What users and orgs were like before, and what in the events was new.

-- A row for each event that described or ended a user or an org, in the order of their stamps; a call describes its user.
-- An event that arrives again has the same stamp, and changes nothing.
CREATE TABLE IF NOT EXISTS versions (
    subject_kind {ID} NOT NULL,
    subject_id   {ID} NOT NULL,
    stamp        {ID} NOT NULL,
    -- The beginning of the stamp: when the event happened. Empty, and so first, when it does not say.
    instant      {ID} NOT NULL,
    occurred_at  BIGINT,
    position     BIGINT NOT NULL,
    event_type   {ID} NOT NULL,
    -- `alive` or `deleted`: what the event says of the subject's life. Null for a call, which only observes its user.
    life         {ID},
    -- What it was understood to be, as JSON under the payload's names, always in the same words.
    attributes   {DOCUMENT} NOT NULL,
    org_id       {ID},
    is_example   BOOLEAN NOT NULL,
    PRIMARY KEY (subject_kind, subject_id, stamp)
);
-- For a cursor, which says where the event stands.
CREATE INDEX IF NOT EXISTS versions_position ON versions (position);

-- What each of those events left: the subject as it was after it, and beside it as it was before. Whoever asks for subjects by
-- kind and id reads no more than their rows: both databases apply such conditions before the windows.
{VIEW} states AS
SELECT subject_kind, subject_id, stamp, occurred_at, position, event_type, attributes, org_id, is_example,
       attributes_before, org_id_before, is_deleted,
       CASE WHEN is_deleted THEN deletion_instant END AS deletion_instant,
       attributes_before IS NULL OR attributes <> attributes_before OR is_deleted <> was_deleted AS is_change
FROM (
    -- As ingest::projection::register: the latest deletion against the latest life before it; a tie goes to the deletion.
    SELECT subject_kind, subject_id, stamp, occurred_at, position, event_type, attributes, org_id, real = 0 AS is_example,
           attributes_before, org_id_before, deletion_instant,
           COALESCE(deletion_instant >= COALESCE(life_instant, ''), FALSE) AS is_deleted,
           COALESCE(deletion_before >= COALESCE(life_before, ''), FALSE) AS was_deleted
    FROM (
        SELECT subject_kind, subject_id, stamp, occurred_at, position, event_type, attributes, org_id,
               LAG(attributes) OVER so_far AS attributes_before,
               LAG(org_id) OVER so_far AS org_id_before,
               SUM(CASE WHEN is_example THEN 0 ELSE 1 END) OVER so_far AS real,
               MAX(CASE WHEN life = 'alive' THEN instant END) OVER so_far AS life_instant,
               MAX(CASE WHEN life = 'deleted' THEN instant END) OVER so_far AS deletion_instant,
               MAX(CASE WHEN life = 'alive' THEN instant END) OVER until_it AS life_before,
               MAX(CASE WHEN life = 'deleted' THEN instant END) OVER until_it AS deletion_before
        FROM versions
        WINDOW so_far AS (PARTITION BY subject_kind, subject_id ORDER BY stamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
               until_it AS (PARTITION BY subject_kind, subject_id ORDER BY stamp ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ) AS windows
) AS lives;

-- How often events of a type have arrived, the catalogue's examples left out, and which of the catalogue's fields none of them had.
CREATE TABLE IF NOT EXISTS seen_types (
    event_type     {ID} NOT NULL PRIMARY KEY,
    events         BIGINT NOT NULL,
    first_position BIGINT NOT NULL,
    last_position  BIGINT NOT NULL,
    -- A JSON list of paths, sorted.
    missing        TEXT NOT NULL
);

-- Fields that the catalogue does not have (with an empty value), and the values of its roles, statuses and analysis types.
CREATE TABLE IF NOT EXISTS seen_fields (
    event_type     {ID} NOT NULL,
    path           {ID} NOT NULL,
    value          {ID} NOT NULL,
    events         BIGINT NOT NULL,
    first_position BIGINT NOT NULL,
    last_position  BIGINT NOT NULL,
    PRIMARY KEY (event_type, path, value)
);
