//! What everything is measured on.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// A machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Cores.
    pub cores: usize,
    /// The processor, as it calls itself.
    pub processor: String,
    /// Memory, in bytes.
    pub memory: u64,
    /// The kernel.
    pub kernel: String,
    /// The version of PostgreSQL.
    pub postgres: String,
    /// The version of SQLite, which is in the binaries.
    pub sqlite: String,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let value = |text: String, name: &str| {
            let line = text
                .lines()
                .find(|line| line.starts_with(name))
                .map(str::to_owned);
            let value = line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()));
            value.unwrap_or_default()
        };
        let memory = value(read("/proc/meminfo"), "MemTotal");
        let memory = memory
            .split(' ')
            .next()
            .and_then(|number| number.parse::<u64>().ok());
        Self {
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            processor: value(read("/proc/cpuinfo"), "model name"),
            memory: memory.unwrap_or_default() * 1024,
            // The version alone: what follows is the name of somebody's build.
            kernel: read("/proc/sys/kernel/osrelease")
                .split('-')
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
            postgres: postgres(),
            sqlite: rusqlite::version().to_owned(),
        }
    }
}

/// What the program says of itself: `postgres (PostgreSQL) 15.18 (…)`.
fn postgres() -> String {
    let told = Command::new(tests::postgres::binary("postgres"))
        .arg("--version")
        .output();
    let told = told.map(|told| String::from_utf8_lossy(&told.stdout).into_owned());
    let version = told.unwrap_or_default();
    let version = version.split_once(") ").map(|(_, version)| version);
    let version = version.and_then(|version| version.split_whitespace().next());
    version.unwrap_or("of an unknown version").to_owned()
}
