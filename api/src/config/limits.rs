//! What an operator can set about queries: how much one may ask for, and which documents are executed at all.
//!
//! Invariant: within its range every value leaves a server that answers; what only protects the process itself, such as the size of a
//! document, is not for setting.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::graphql::QueryLimits;
use crate::http::EdgeLimits;

/// The flags of `hookgraph serve` about queries.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Queries")]
pub struct LimitArgs {
    /// How deep a query may nest; the playground's introspection takes 15
    #[arg(long, env = "HOOKGRAPH_MAX_DEPTH", value_name = "LEVELS", default_value_t = 20,
        value_parser = clap::value_parser!(u16).range(3..=50))]
    max_depth: u16,

    /// What a query may cost: its fields, each counted as often as its page is long
    #[arg(long, env = "HOOKGRAPH_MAX_COST", value_name = "COST", default_value_t = 200_000,
        value_parser = clap::value_parser!(u32).range(100..=100_000_000))]
    max_cost: u32,

    /// How many aliases a document may have, with its fragments written out
    #[arg(long, env = "HOOKGRAPH_MAX_ALIASES", value_name = "ALIASES", default_value_t = 100,
        value_parser = clap::value_parser!(u16).range(0..=10_000))]
    max_aliases: u16,

    /// How many requests one HTTP request may carry as a batch
    #[arg(long, env = "HOOKGRAPH_MAX_BATCH", value_name = "REQUESTS", default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=100))]
    max_batch: u16,

    /// How many seconds a query may take
    #[arg(long, env = "HOOKGRAPH_QUERY_TIMEOUT", value_name = "SECONDS", default_value_t = 30,
        value_parser = clap::value_parser!(u16).range(1..=600))]
    query_timeout: u16,

    /// How many operations may run at once on one WebSocket
    #[arg(long, env = "HOOKGRAPH_MAX_OPERATIONS", value_name = "OPERATIONS", default_value_t = 100,
        value_parser = clap::value_parser!(u16).range(1..=10_000))]
    max_operations: u16,

    /// How many MiB of answers are kept, to be given again while there is nothing new; 0 keeps none
    #[arg(long, env = "HOOKGRAPH_KEPT_ANSWERS", value_name = "MIB", default_value_t = 64,
        value_parser = clap::value_parser!(u16).range(0..=16_384))]
    kept_answers: u16,

    /// Execute only the documents of this folder: *.graphql, *.gql, and manifests of client tools (*.json)
    ///
    /// They are read and checked at the start. The playground is off then, since it cannot ask for the schema.
    #[arg(long, env = "HOOKGRAPH_TRUSTED_DOCUMENTS", value_name = "DIR")]
    trusted_documents: Option<PathBuf>,
}

impl LimitArgs {
    /// The limits, with the default ones where nothing can be set.
    pub fn limits(&self) -> EdgeLimits {
        EdgeLimits {
            query: QueryLimits {
                depth: self.max_depth.into(),
                cost: usize::try_from(self.max_cost).unwrap_or(usize::MAX),
            },
            aliases: self.max_aliases.into(),
            batch: self.max_batch.into(),
            execution: Duration::from_secs(self.query_timeout.into()),
            operations: self.max_operations.into(),
            answer_bytes: usize::from(self.kept_answers) * 1024 * 1024,
            ..EdgeLimits::default()
        }
    }

    /// The folder of the only documents that are executed, if there is one.
    pub fn trusted_documents(self) -> Option<PathBuf> {
        self.trusted_documents
            .filter(|folder| !folder.as_os_str().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn given(flags: &[&str]) -> Result<LimitArgs, String> {
        let command = Command::try_parse_from([&["hookgraph"], flags].concat());
        command
            .map(|command| command.limits)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_set_is_the_default() {
        let limits = given(&[]).unwrap();
        assert_eq!(limits.limits(), EdgeLimits::default());
        assert_eq!(limits.trusted_documents(), None);
    }

    #[test]
    fn what_is_set_is_kept_and_has_a_range() {
        let flags = [
            ["--max-depth", "7"],
            ["--max-cost", "1000"],
            ["--max-aliases", "0"],
            ["--max-batch", "1"],
            ["--query-timeout", "5"],
            ["--max-operations", "2"],
            ["--kept-answers", "0"],
        ];
        let limits = given(flags.as_flattened()).unwrap().limits();
        let expected = EdgeLimits {
            query: QueryLimits {
                depth: 7,
                cost: 1_000,
            },
            aliases: 0,
            batch: 1,
            execution: Duration::from_secs(5),
            operations: 2,
            answer_bytes: 0,
            ..EdgeLimits::default()
        };
        assert_eq!(limits, expected);
        for [flag, _] in flags {
            for value in ["-1", "4000000000", "x", ""] {
                let error = given(&[&format!("{flag}={value}")]).unwrap_err();
                assert!(error.contains(flag), "{error}");
            }
        }
        assert!(given(&["--max-depth", "51"]).is_err());
    }
}
