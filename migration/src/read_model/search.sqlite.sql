-- The words of calls (see entity::read_model::call_word), and the index by which they are found: FTS5.

CREATE TABLE IF NOT EXISTS call_words (
    -- The index names rows by it: a rowid that has no name may change in a VACUUM.
    nth        INTEGER NOT NULL PRIMARY KEY,
    call_id    TEXT NOT NULL UNIQUE,
    title      TEXT NOT NULL,
    spoken     TEXT NOT NULL,
    vocabulary TEXT NOT NULL
);

-- It only tells which rows have which words: where they stand is looked up in the rows, which it therefore does not repeat. To
-- `ascii` every byte beyond ASCII belongs to a word, so the words are what white space separates, as they were folded.
CREATE VIRTUAL TABLE IF NOT EXISTS call_words_index USING fts5(
    title, spoken,
    content = '', contentless_delete = 1, detail = column, tokenize = 'ascii'
);

CREATE TRIGGER IF NOT EXISTS call_words_inserted AFTER INSERT ON call_words BEGIN
    INSERT INTO call_words_index (rowid, title, spoken) VALUES (new.nth, new.title, new.vocabulary);
END;
CREATE TRIGGER IF NOT EXISTS call_words_deleted AFTER DELETE ON call_words BEGIN
    DELETE FROM call_words_index WHERE rowid = old.nth;
END;
CREATE TRIGGER IF NOT EXISTS call_words_updated AFTER UPDATE ON call_words BEGIN
    DELETE FROM call_words_index WHERE rowid = old.nth;
    INSERT INTO call_words_index (rowid, title, spoken) VALUES (new.nth, new.title, new.vocabulary);
END;
