//! Where the figures lie between a measurement and the document: a file of JSON for each, in the folder of what is built.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    folder.join(format!("{name}.json"))
}

/// Keeps the figures of one measurement.
pub fn write(name: &str, figures: &impl Serialize) -> anyhow::Result<()> {
    let file = file(name);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_string_pretty(figures)?;
    std::fs::write(&file, text).with_context(|| file.display().to_string())
}

/// The figures of a measurement; none when it was not made here.
pub fn read<T: DeserializeOwned>(name: &str) -> anyhow::Result<Option<T>> {
    let file = file(name);
    if !file.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&file)?;
    let figures = serde_json::from_str(&text);
    figures
        .map(Some)
        .with_context(|| format!("{} is of another version: measure again", file.display()))
}
