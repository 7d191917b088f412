//! One SeaORM entity a table: the log's in [`log`], the read model's in [`read_model`].
//!
//! The two stores are separate databases: no statement joins an entity of one with an entity of the other. Whoever reads
//! the read model for a client starts from [`scope::Scoped::visible_to`], which cannot be called without a [`scope::Scope`].
//!
//! Times are microseconds since 1970-01-01T00:00:00Z.

pub mod log;
pub mod read_model;
pub mod scope;
