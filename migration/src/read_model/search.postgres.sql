-- The words of calls (see entity::read_model::call_word), and the index by which they are found: tsvector. The words are taken as
-- they were folded; PostgreSQL's own parser and dictionaries, which differ by version and locale, have no part in it.

CREATE TABLE IF NOT EXISTS call_words (
    call_id      {ID} NOT NULL PRIMARY KEY,
    title        {DOCUMENT} NOT NULL,
    spoken       {DOCUMENT} NOT NULL,
    vocabulary   {DOCUMENT} NOT NULL,
    title_words  tsvector COMPRESSION lz4 GENERATED ALWAYS AS
        (array_to_tsvector(array_remove(string_to_array(title, ' '), ''))) STORED,
    spoken_words tsvector COMPRESSION lz4 GENERATED ALWAYS AS
        (array_to_tsvector(string_to_array(vocabulary, ' '))) STORED
);
-- New rows wait in a list that every search goes through; by its length the planner also reckons whether the index is worth it.
-- Words go from there to the index many at once: without the list, writing a call took five times as long. It is as long (2 MiB) as
-- the words of a batch of the projection are: a shorter one was moved several times a batch, a fifth of all that writing a call costs.
CREATE INDEX IF NOT EXISTS call_words_title ON call_words USING gin (title_words) WITH (gin_pending_list_limit = 2048);
CREATE INDEX IF NOT EXISTS call_words_spoken ON call_words USING gin (spoken_words) WITH (gin_pending_list_limit = 2048);
