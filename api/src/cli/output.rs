//! What a command says: results on stdout, notes beside them on stderr.
//!
//! Nothing here panics, as `println!` would. A reader that has gone has read enough; what cannot be written for another reason, such
//! as a full disk, is an error where it is a result.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Writes a result to stdout.
pub(super) fn result(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("the result cannot be written to standard output"),
    }
}

/// Writes a line to stderr, if that can be.
pub fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
