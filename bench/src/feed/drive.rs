//! One measurement: subscribers in a process of their own, and calls that are sent at a pace.
//!
//! Invariant: both sides are driven alike, and every message must come: one that is missing fails the measurement.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client::{Delivered, Order, Sent, Told, now};
use crate::load::count;

/// How calls come.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// So many a second, whatever becomes of them.
    Every(Duration),
    /// As fast as they are delivered: so many are on their way.
    Saturated(usize),
}

/// What one measurement tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// What came.
    pub delivered: Delivered,
    /// Messages a second, from the first sent to the last delivered.
    pub per_second: f64,
}

/// A call on its way: its key, and how it is sent.
pub struct Call {
    /// What tells it from others in the messages.
    pub key: String,
    /// The request that tells of it.
    pub request: reqwest::RequestBuilder,
}

/// The process that subscribes.
pub struct Clients {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    sockets: usize,
    /// How many of the sockets get each call.
    per_call: usize,
}

impl Clients {
    /// Subscribes as `order` says, and waits until every socket is subscribed.
    pub async fn subscribe(order: &Order, per_call: usize) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("feed-clients")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().context("a pipe")?;
        let output = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let sockets = order.sockets;
        let mut clients = Self {
            child,
            input,
            output,
            sockets,
            per_call,
        };
        clients.say(order).await?;
        match clients.hear().await? {
            Told::Ready => Ok(clients),
            other => bail!("not ready: {other:?}"),
        }
    }

    async fn say(&mut self, order: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.input.write_all(&line).await?;
        Ok(())
    }

    async fn hear(&mut self) -> anyhow::Result<Told> {
        let line = self
            .output
            .next_line()
            .await?
            .context("the clients ended")?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Sends `calls` at `pace` until `lasting` is over or there are no more, and waits until all of it came.
    pub async fn measure(
        mut self,
        calls: impl IntoIterator<Item = Call>,
        pace: Pace,
        lasting: Duration,
    ) -> anyhow::Result<Measured> {
        let (came, mut arrived) = watch::channel(0);
        let begin = Instant::now();
        let per_call = self.per_call;
        let sending = tokio::spawn({
            let calls: Vec<Call> = calls.into_iter().collect();
            async move {
                let mut posting: JoinSet<anyhow::Result<(String, [u64; 2])>> = JoinSet::new();
                for (number, call) in calls.into_iter().enumerate() {
                    if begin.elapsed() >= lasting {
                        break;
                    }
                    match pace {
                        Pace::Every(interval) => {
                            let number = u32::try_from(number)?;
                            tokio::time::sleep_until((begin + interval * number).into()).await;
                        }
                        Pace::Saturated(most) => {
                            arrived
                                .wait_for(|came| number < came / per_call + most)
                                .await?;
                        }
                    }
                    posting.spawn(post(call));
                }
                let mut times = HashMap::new();
                while let Some(posted) = posting.join_next().await {
                    times.extend([posted??]);
                }
                anyhow::Ok(times)
            }
        });
        while !sending.is_finished() {
            let told = tokio::time::timeout(Duration::from_millis(20), self.output.next_line());
            if let Ok(line) = told.await {
                let line = line?.context("the clients ended")?;
                if let Told::Delivered(number) = serde_json::from_str(&line)? {
                    came.send_replace(number);
                }
            }
        }
        let times = sending.await??;
        let messages = times.len() * per_call;
        self.say(&Sent { times, messages }).await?;
        loop {
            if let Told::End(delivered) = self.hear().await? {
                let per_second = count(delivered.messages) / begin.elapsed().as_secs_f64();
                self.child.wait().await?;
                return Ok(Measured {
                    delivered,
                    per_second,
                });
            }
        }
    }

    /// How many there are.
    pub fn sockets(&self) -> usize {
        self.sockets
    }
}

async fn post(call: Call) -> anyhow::Result<(String, [u64; 2])> {
    let sent = now();
    let answer = call.request.send().await?;
    let acknowledged = now();
    anyhow::ensure!(
        answer.status() == 204,
        "a call was answered {}",
        answer.status()
    );
    let _: Bytes = answer.bytes().await?;
    Ok((call.key, [sent, acknowledged]))
}
