//! The servers that are measured: each a process of its own, which ends with this one.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::load::Target;

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Where it answers.
    pub target: Target,
}

impl Process {
    /// Starts `command`, whose first line with an address says where it answers: `http://127.0.0.1:<port>/<path>`.
    pub async fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{command:?} does not start"))?;
        let output = child.stdout.take().context("a pipe")?;
        let mut lines = BufReader::new(output).lines();
        let target = loop {
            let line = lines.next_line().await?;
            let line = line.with_context(|| format!("{command:?} ended before it listened"))?;
            if let Some((_, address)) = line.split_once("http://") {
                break target(address.trim())?;
            }
        };
        // What it says later is read and forgotten, so that its pipe never fills up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, target })
    }

    /// Its process id.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Bytes of memory that it has resident, now and at most so far.
    pub fn memory(&self) -> anyhow::Result<(u64, u64)> {
        memory(self.child.id().context("it has ended")?)
    }
}

/// `<address>/<path>`
fn target(text: &str) -> anyhow::Result<Target> {
    let (address, path) = text.split_once('/').unwrap_or((text, ""));
    let address: SocketAddr = address
        .replace("localhost", "127.0.0.1")
        .parse()
        .with_context(|| format!("{text} is no address"))?;
    Ok(Target {
        address,
        path: format!("/{path}"),
    })
}

/// Bytes that a process has resident, now and at most so far, as Linux tells them.
pub fn memory(process: u32) -> anyhow::Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.split_whitespace().next());
        let kibibytes: Option<u64> = kibibytes.and_then(|number| number.parse().ok());
        kibibytes.map_or(0, |number| number * 1024)
    };
    Ok((bytes("VmRSS:"), bytes("VmHWM:")))
}

/// Until the process that started this one has ended, or lets go.
pub async fn orphaned() {
    let mut input = tokio::io::stdin();
    let mut bytes = [0; 64];
    while matches!(input.read(&mut bytes).await, Ok(read) if read > 0) {}
}
