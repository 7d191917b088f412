//! `docs/benchmarks.md`: the figures that were measured on this machine, and beside them what was found out about each, which is
//! written by hand (`bench/remarks`).
//!
//! Invariant: no figure stands in the document that is not in a result; a part that was not measured says so.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use serde::de::DeserializeOwned;

use crate::database::Database;
use crate::machine::Machine;
use crate::{build, feed, growth, ingest, queries, results};

const HEAD: &str = "# Benchmarks

Everything here was measured in one go on one machine, by `make bench`; a part alone by the command above its table, where `bench` is target/release/bench. Each side of a comparison is measured in
turn with the others, and what is told of several rounds is their median. Compare ratios: the machine is shared, and its speed differs from hour to hour.

";

/// Writes the document.
pub fn write() -> anyhow::Result<()> {
    let machine = Machine::here();
    let mut text = HEAD.to_owned();
    #[expect(clippy::cast_precision_loss, reason = "no memory is that large")]
    let memory = machine.memory as f64 / 1e9;
    let _ = writeln!(
        text,
        "Machine: {} cores of {}, {memory:.0} GB, Linux {}; PostgreSQL {}, SQLite {}. The load and the databases run on the same cores.",
        machine.cores, machine.processor, machine.kernel, machine.postgres, machine.sqlite
    );
    for (name, database) in names() {
        let file = format!("queries-{database}");
        let command = format!("bench queries --database {database}");
        part(
            &mut text,
            &format!("Queries on {name}"),
            &command,
            &file,
            queries::section,
        )?;
    }
    remarks(&mut text, "queries")?;
    for (name, database) in names() {
        let command = format!("bench ingest --database {database}");
        part(
            &mut text,
            &format!("Webhooks into {name}"),
            &command,
            &format!("ingest-{database}"),
            ingest::section,
        )?;
    }
    remarks(&mut text, "ingest")?;
    part(
        &mut text,
        "Subscriptions",
        "bench feed",
        "feed",
        feed::section,
    )?;
    remarks(&mut text, "feed")?;
    for (name, database) in names() {
        let command = format!("bench growth --database {database}");
        part(
            &mut text,
            &format!("Growth on {name}"),
            &command,
            &format!("growth-{database}"),
            growth::section,
        )?;
    }
    remarks(&mut text, "growth")?;
    part(&mut text, "Builds", "bench build", "build", build::section)?;
    remarks(&mut text, "build")?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
    std::fs::write(&file, text).with_context(|| file.display().to_string())
}

/// The databases, as people write them and as files and commands do.
fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let both = Database::BOTH.into_iter();
    both.map(|database| (database.title(), database.name()))
}

/// A part of the document, of the results in the file `name`.
fn part<F: DeserializeOwned>(
    text: &mut String,
    title: &str,
    command: &str,
    name: &str,
    section: impl Fn(&F) -> String,
) -> anyhow::Result<()> {
    let _ = writeln!(text, "\n## {title}\n\n`{command}`\n");
    match results::read(name)? {
        Some(figures) => text.push_str(section(&figures).trim_start_matches('\n')),
        None => text.push_str("Not measured here yet.\n"),
    }
    Ok(())
}

/// What is written by hand about a part.
fn remarks(text: &mut String, part: &str) -> anyhow::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("remarks/{part}.md"));
    if file.exists() {
        text.push('\n');
        text.push_str(&std::fs::read_to_string(file)?);
    }
    Ok(())
}
