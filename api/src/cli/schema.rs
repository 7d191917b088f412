//! `hookgraph schema`: the schema in GraphQL's schema language, as `docs/schema.graphql` holds it.

use std::io::Write;
use std::process::ExitCode;

/// Prints the schema.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(crate::graphql::sdl().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
