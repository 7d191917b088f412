//! What brings the peers onto this machine: npm and cargo, from whichever registries they are set up with, in the versions of the
//! lock files.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::{folder, target_folder};

/// Installs what Node.js runs, Node.js itself included, and builds Seaography's server.
pub async fn install() -> anyhow::Result<()> {
    let folder = folder();
    // The package `node` brings the version of Node.js that the others need, by a script of its own.
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"])
        .current_dir(&folder);
    run(&mut npm).await?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--release", "--locked"])
        .env("CARGO_TARGET_DIR", target_folder())
        .current_dir(folder.join("seaography"));
    run(&mut cargo).await
}

async fn run(command: &mut Command) -> anyhow::Result<()> {
    let line = format!("{:?}", command.as_std());
    println!("{line}");
    let status = command
        .status()
        .await
        .with_context(|| format!("{line} does not start"))?;
    ensure!(status.success(), "{line}: {status}");
    Ok(())
}

/// What the peers are made of, by name and version, as the lock files have it.
pub fn versions() -> anyhow::Result<Vec<(String, String)>> {
    let folder = folder();
    let lock: Value = serde_json::from_str(&read(&folder.join("package-lock.json"))?)?;
    let asked = lock["packages"][""]["dependencies"]
        .as_object()
        .context("no packages")?;
    let mut versions: Vec<(String, String)> = Vec::new();
    for name in asked.keys() {
        let version = &lock["packages"][format!("node_modules/{name}")]["version"];
        let version = version
            .as_str()
            .with_context(|| format!("{name} has no version"))?;
        versions.push((name.clone(), version.to_owned()));
    }
    let lock = read(&folder.join("seaography/Cargo.lock"))?;
    for name in ["seaography", "sea-orm", "sqlx", "async-graphql", "axum"] {
        let version = lock
            .split_once(&format!("name = \"{name}\"\nversion = \""))
            .map(|(_, rest)| rest);
        let version = version.and_then(|rest| rest.split('"').next());
        let version = version.with_context(|| format!("{name} is not locked"))?;
        versions.push((name.to_owned(), version.to_owned()));
    }
    Ok(versions)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
