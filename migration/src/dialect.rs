//! The few words in which the two databases differ.
//!
//! Schema files are written once, with these words in braces.

use sea_orm_migration::sea_orm::DatabaseBackend;

/// Replaces the words in braces by what `backend` calls them.
pub(crate) fn render(sql: &str, backend: DatabaseBackend) -> String {
    let words: [(&str, &str); 7] = match backend {
        DatabaseBackend::Postgres => [
            ("{POSITION}", "BIGINT NOT NULL PRIMARY KEY"),
            (
                "{SERIAL}",
                "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            ),
            ("{BYTES}", "BYTEA COMPRESSION lz4"),
            ("{DOCUMENT}", "TEXT COMPRESSION lz4"),
            // Ids are compared byte by byte, as SQLite does, so that a keyset cursor means the same on both.
            ("{ID}", "TEXT COLLATE \"C\""),
            ("{VIEW}", "CREATE OR REPLACE VIEW"),
            // Less than any number that JSON can write.
            ("{LEAST}", "'-Infinity'::double precision"),
        ],
        _ => [
            // An alias of the rowid: the table itself is in the order of positions.
            ("{POSITION}", "INTEGER NOT NULL PRIMARY KEY"),
            // Without this word the number of the newest row is given again once that row is deleted.
            ("{SERIAL}", "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"),
            ("{BYTES}", "BLOB"),
            ("{DOCUMENT}", "TEXT"),
            ("{ID}", "TEXT"),
            ("{VIEW}", "CREATE VIEW IF NOT EXISTS"),
            ("{LEAST}", "-9e999"),
        ],
    };
    words.iter().fold(sql.to_owned(), |sql, (word, meaning)| {
        sql.replace(word, meaning)
    })
}
