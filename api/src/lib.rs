//! Hookgraph's outward side: the GraphQL schema, its HTTP edge, the server and the command line.
//!
//! `ingest` never reaches GraphQL, and [`graphql`] never reaches axum: [`server`] is where all of it meets.

pub mod auth;
pub mod cli;
pub mod config;
pub mod graphql;
pub mod http;
pub mod rate;
pub mod server;
