//! `hookgraph schema`: the schema in GraphQL's schema language, as `docs/schema.graphql` holds it.

use std::process::ExitCode;

use super::output;

/// Prints the schema.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    output::result(&crate::graphql::sdl())?;
    Ok(ExitCode::SUCCESS)
}
