//! Why a command failed, as one sentence for the person at the terminal.
//!
//! Errors of the database repeat what lies beneath them, and name the line of PostgreSQL's own source: here each thing is said
//! once.

use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlxError};

/// SQLite's primary codes for a file that may not be written, and for one that cannot be opened.
const READ_ONLY: i32 = 8;
const CANNOT_OPEN: i32 = 14;

/// The error and its causes, none of them twice.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let database = cause.downcast_ref::<DbErr>();
        let text = database.map_or_else(|| cause.to_string(), of_database);
        // It says no more than its cause does.
        let is_wrapper = cause
            .source()
            .is_some_and(|beneath| database.is_none() && beneath.to_string() == text);
        if !is_wrapper && !said.contains(&text) {
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(&text);
        }
        if database.is_some() {
            break;
        }
    }
    said
}

/// The error with all its causes.
fn of_database(error: &DbErr) -> String {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => of_driver(error),
        DbErr::Conn(RuntimeErr::Internal(text))
        | DbErr::Exec(RuntimeErr::Internal(text))
        | DbErr::Query(RuntimeErr::Internal(text))
        | DbErr::Custom(text) => text.clone(),
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => of_driver(&SqlxError::PoolTimedOut),
        other => other.to_string(),
    }
}

fn of_driver(error: &SqlxError) -> String {
    match error {
        SqlxError::Database(error) => {
            let message = error.message().to_owned();
            match error.try_downcast_ref::<SqliteError>() {
                Some(error) if is_of_permissions(error) => format!(
                    "{message} (this user must be allowed to write to the data folder and the files in it, even for reading: SQLite keeps its journal beside them)"
                ),
                _ => message,
            }
        }
        SqlxError::Io(error) => error.to_string(),
        SqlxError::PoolTimedOut => "the database gave no connection in time".to_owned(),
        other => other.to_string(),
    }
}

fn is_of_permissions(error: &SqliteError) -> bool {
    use sea_orm::sqlx::error::DatabaseError;
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    // The lowest byte is the primary code.
    code.is_some_and(|code| matches!(code & 0xff, READ_ONLY | CANNOT_OPEN))
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn each_cause_is_said_once() {
        let error = std::io::Error::other("refused");
        let error = DbErr::Conn(RuntimeErr::SqlxError(SqlxError::Io(error).into()));
        let error = Err::<(), _>(error).context("cannot connect").unwrap_err();
        assert!(format!("{error:#}").matches("refused").count() > 1);
        assert_eq!(sentence(&error), "cannot connect: refused");
        let error = anyhow!("the disk is full").context("stopped");
        assert_eq!(sentence(&error), "stopped: the disk is full");
    }
}
