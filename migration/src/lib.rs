//! The schemas of Hookgraph's two stores.
//!
//! [`log`] holds the migrations of the event log, which is precious: it only ever moves forward, and what is in it stays.
//! [`read_model`] holds the tables of one generation of the read model, which is disposable: it has no migrations, only
//! a version, and a generation of another version is built anew from the log.
//!
//! Both are written as SQL for SQLite and PostgreSQL side by side, so that a reader sees what the database will see.

mod dialect;
pub mod log;
pub mod read_model;
