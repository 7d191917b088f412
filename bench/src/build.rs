//! The build: how long it takes from nothing, how large the binary is, and of how many crates it is made.
//!
//! Invariant: crates are fetched before the clock starts, and each build has a target folder of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::load::count;

/// Measure a clean build, and what comes of it.
#[derive(Debug, clap::Args)]
pub struct BuildArgs {
    /// Only this build; both without it. What an earlier run has measured of the other is kept.
    #[arg(long)]
    only: Option<Profile>,
    /// Build nothing, only count the crates
    #[arg(long)]
    count: bool,
    /// Leave what was built last in target/bench/build
    #[arg(long)]
    keep: bool,
}

/// How it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Profile {
    /// As `cargo build` does
    Debug,
    /// As `make run` does
    Release,
}

/// What was measured of the build.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    /// The compiler.
    pub compiler: String,
    /// Processors of the machine.
    pub processors: usize,
    /// Whether the playground was built before, so that it is in the binary.
    pub with_playground: bool,
    /// Crates whose code is linked into the binary.
    pub linked: usize,
    /// Crates that are compiled for it: build scripts, procedural macros and what they need are more.
    pub compiled: usize,
    /// Linked crates of which there are several versions, with these.
    pub several: BTreeMap<String, Vec<String>>,
    /// The debug build.
    pub debug: Option<Built>,
    /// The release build.
    pub release: Option<Built>,
}

/// What a build took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Built {
    /// Seconds.
    pub took: f64,
    /// Bytes of the binary.
    pub binary: u64,
    /// Bytes of the binary without its symbols; none where there is no `strip`.
    pub stripped: Option<u64>,
    /// Bytes of the target folder.
    pub folder: u64,
}

/// Builds, and writes the figures to `target/bench`.
pub fn run(args: &BuildArgs) -> anyhow::Result<()> {
    let folder = workspace().join("target/bench");
    fs::create_dir_all(&folder)?;
    let file = folder.join("build.json");
    let earlier = fs::read(&file).ok();
    let earlier = earlier.and_then(|text| serde_json::from_slice::<Figures>(&text).ok());
    let linked = crates("normal,no-proc-macro")?;
    let mut figures = Figures {
        compiler: said(Command::new("rustc").arg("--version"))?
            .trim()
            .to_owned(),
        processors: std::thread::available_parallelism()?.get(),
        with_playground: workspace().join("web/dist/index.html").exists(),
        linked: linked.len(),
        compiled: crates("normal,build")?.len(),
        several: several(&linked),
        ..earlier.unwrap_or_default()
    };
    for profile in [Profile::Debug, Profile::Release] {
        if args.count || args.only.is_some_and(|only| only != profile) {
            continue;
        }
        let target = folder.join("build");
        let built = build(profile, &target)?;
        if !args.keep {
            fs::remove_dir_all(target)?;
        }
        println!("{profile:?}: {built:?}");
        match profile {
            Profile::Debug => figures.debug = Some(built),
            Profile::Release => figures.release = Some(built),
        }
        fs::write(&file, serde_json::to_vec_pretty(&figures)?)?;
    }
    fs::write(&file, serde_json::to_vec_pretty(&figures)?)?;
    println!("{}", section(&figures));
    Ok(())
}

/// Builds the server from nothing in `target`.
fn build(profile: Profile, target: &Path) -> anyhow::Result<Built> {
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    said(cargo().args(["fetch", "--locked", "--quiet"]))?;
    let mut command = cargo();
    command.args([
        "build",
        "--locked",
        "--quiet",
        "--package",
        "api",
        "--bin",
        "hookgraph",
    ]);
    command.arg("--target-dir").arg(target);
    let name = match profile {
        Profile::Debug => "debug",
        Profile::Release => {
            command.arg("--release");
            "release"
        }
    };
    let begin = Instant::now();
    said(&mut command)?;
    let took = begin.elapsed().as_secs_f64();
    let binary = target.join(name).join("hookgraph");
    let bare = target.join("stripped");
    let strip = Command::new("strip")
        .arg("-o")
        .arg(&bare)
        .arg(&binary)
        .status();
    let stripped = match strip {
        Ok(status) if status.success() => Some(fs::metadata(&bare)?.len()),
        _ => None,
    };
    let built = Built {
        took,
        binary: fs::metadata(&binary)?.len(),
        stripped,
        folder: size(target)?,
    };
    Ok(built)
}

/// Name and version of the crates that the server reaches by these edges, itself included.
fn crates(edges: &str) -> anyhow::Result<BTreeSet<(String, String)>> {
    let mut command = cargo();
    command.args([
        "tree",
        "--locked",
        "--package",
        "api",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let tree = said(command.args(["--edges", edges]))?;
    let parts = tree.lines().map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some((words.next()?, words.next()?))
    });
    Ok(parts.flatten().collect())
}

/// The crates of which there are several versions.
fn several(crates: &BTreeSet<(String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, version) in crates {
        versions
            .entry(name.clone())
            .or_default()
            .push(version.clone());
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

/// Cargo in the workspace, with the flags that a user has.
fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(workspace())
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR");
    command
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a command writes to its standard output.
fn said(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} does not start"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?} ended with {}: {error}",
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// Bytes of the files in a folder and below. What has two names counts twice.
fn size(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            size(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(bytes)
}

/// What `docs/benchmarks.md` says of the build.
pub fn section(figures: &Figures) -> String {
    let megabytes = |bytes: u64| format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10);
    let playground = if figures.with_playground {
        "with"
    } else {
        "without"
    };
    let mut text = format!(
        "`cargo build --package api --bin hookgraph`, from nothing, crates fetched before, {} processors, {}; the binary {playground} the \
         playground's files.\n\n| | time | binary | without symbols | target folder |\n| --- | --- | --- | --- | --- |\n",
        figures.processors, figures.compiler
    );
    for (name, built) in [("debug", &figures.debug), ("release", &figures.release)] {
        if let Some(built) = built {
            let _ = writeln!(
                text,
                "| {name} | {:.0} s | {} | {} | {} |",
                built.took,
                megabytes(built.binary),
                built.stripped.map_or_else(|| "–".to_owned(), megabytes),
                megabytes(built.folder)
            );
        }
    }
    let several = figures
        .several
        .iter()
        .map(|(name, versions)| format!("{name} {}", versions.join(" and ")));
    let several: Vec<_> = several.collect();
    let _ = write!(
        text,
        "\n{} crates are linked into the binary, the workspace's own included; {:.1} times as many ({}) are compiled for it. Of these linked crates there are \
         several versions: {}.\n",
        figures.linked,
        count(figures.compiled) / count(figures.linked.max(1)),
        figures.compiled,
        if several.is_empty() {
            "none".to_owned()
        } else {
            several.join(", ")
        }
    );
    text
}
