//! For whom a filter's condition is written, and for which database.

use entity::scope::Scope;
use sea_orm::DatabaseBackend;

/// Through whose eyes a condition looks at rows beside those that it is about: the users of calls, the calls of users. Those that
/// a reader does not see must not decide about those that they see.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'v> {
    /// Which database it is written for: they have different words for searching texts.
    pub backend: DatabaseBackend,
    /// The rows that are seen.
    pub scope: &'v Scope,
}

impl Sight<'_> {
    /// Of a reader who sees every row, on the database that takes the fewest values.
    pub fn of_everything() -> Self {
        Self {
            backend: DatabaseBackend::Sqlite,
            scope: &Scope::Everything,
        }
    }
}
