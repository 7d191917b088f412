//! The two servers, and what of a measurement is their own.

use std::time::{Duration, Instant};

use anyhow::Context;
use sample::company::{Company, Size};
use serde_json::{Value, json};
use tests::{Installation, Sender, Server};
use tokio::process::Command;

use super::client::{KEY, Order};
use super::drive::{Call, Clients, Measured, Pace};
use super::{Plan, Side};
use crate::process::{Process, memory};

/// What each subscriber asks for: as much as a list of what is new shows.
const CALLS: &str = "subscription ($filter: CallFilter) { callCompleted(filter: $filter, checkpoints: true) { cursor caughtUp
  call { key: id title score createdAt user { id name } org { id name } } event { position eventId messageId receivedAt } } }";

/// Calls that may be needed in one measurement.
const MOST_CALLS: usize = 8_000;

/// How long a server is left alone before its memory is looked at.
const IDLE: Duration = Duration::from_secs(2);

/// Hookgraph in a folder of its own, with users that have called before.
pub struct Hookgraph {
    server: Server,
    sender: Sender,
    calls: Vec<sample::Delivery>,
    users: Vec<String>,
}

impl Hookgraph {
    /// Starts one.
    pub async fn start(database_url: Option<&str>) -> anyhow::Result<Self> {
        let installation = match database_url {
            Some(url) => Installation::new().on_postgres(url),
            None => Installation::new().on_sqlite(),
        };
        let server = installation.serve().await;
        let sender = server.sender();
        // Its own, whatever ran on this database before.
        let seed = super::client::now();
        let size = Size {
            users: 1_000,
            calls: MOST_CALLS,
            orgs: 5,
            seed,
            ..Size::default()
        };
        let deliveries = Company::new(size).deliveries();
        let (calls, others): (Vec<_>, Vec<_>) =
            deliveries.partition(|delivery| delivery.event_type == "call.completed");
        sender.deliver(&others).await;
        server.settled().await;
        let mut users = Vec::new();
        for call in &calls {
            let user = user_of(&call.body)?;
            if !users.contains(&user) {
                users.push(user);
            }
        }
        Ok(Self {
            server,
            sender,
            calls,
            users,
        })
    }

    /// Measures one scenario.
    pub async fn measure(self, plan: &Plan, lasting: Duration) -> anyhow::Result<Side> {
        let (calls, filters) = if plan.filtered {
            // Only of the users that somebody wants.
            let wanted = &self.users[..plan.subscribers.min(self.users.len())];
            let of_wanted = |call: &sample::Delivery| {
                user_of(&call.body).is_ok_and(|user| wanted.contains(&user))
            };
            let filters = wanted.iter().map(|user| json!({ "userId": [user] }));
            (
                self.calls.into_iter().filter(of_wanted).collect(),
                filters.collect(),
            )
        } else {
            (self.calls, vec![json!(null)])
        };
        let payloads = filters
            .into_iter()
            .map(|filter| json!({ "query": CALLS, "variables": { "filter": filter } }));
        let order = Order {
            address: self.server.address().parse()?,
            path: "/graphql".to_owned(),
            sockets: if plan.filtered {
                plan.subscribers.min(self.users.len())
            } else {
                plan.subscribers
            },
            payloads: payloads.collect(),
        };
        let per_call = if plan.filtered { 1 } else { plan.subscribers };
        let calls = calls.iter().map(|call| {
            let signed = self.sender.sign(&call.message_id, call.body.as_str());
            Ok(Call {
                key: call_of(&call.body)?,
                request: self.sender.request(signed),
            })
        });
        let calls = calls.collect::<anyhow::Result<Vec<_>>>()?;
        side(
            self.server.process(),
            &order,
            per_call,
            calls,
            plan.pace,
            lasting,
        )
        .await
    }
}

/// The floor's server.
pub struct Floor {
    process: Process,
}

impl Floor {
    /// Starts one.
    pub async fn start() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let process = Process::start(command.arg("feed-floor")).await?;
        Ok(Self { process })
    }

    /// Measures one scenario with messages of this size.
    pub async fn measure(self, plan: &Plan, lasting: Duration, bytes: f64) -> anyhow::Result<Side> {
        let address = self.process.target.address;
        let order = Order {
            address,
            path: self.process.target.path.clone(),
            sockets: plan.subscribers,
            payloads: Vec::new(),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size"
        )]
        let padding = "x".repeat((bytes as usize).saturating_sub(KEY.len() + 20));
        let client = tests::sender::client();
        let calls = (0..MOST_CALLS).map(|number| {
            let key = number.to_string();
            let body = format!("{{{KEY}{key}\",\"pad\":\"{padding}\"}}");
            let request = client.post(format!("http://{address}/post")).body(body);
            Call { key, request }
        });
        let calls = calls.collect();
        let id = self.process.id().context("it has ended")?;
        side(id, &order, plan.subscribers, calls, plan.pace, lasting).await
    }
}

async fn side(
    process: u32,
    order: &Order,
    per_call: usize,
    calls: Vec<Call>,
    pace: Pace,
    lasting: Duration,
) -> anyhow::Result<Side> {
    let (before, _) = memory(process)?;
    let clients = Clients::subscribe(order, per_call).await?;
    tokio::time::sleep(IDLE).await;
    let (after, _) = memory(process)?;
    let sockets = crate::load::count(clients.sockets());
    let (began, used) = (Instant::now(), processor_time(process)?);
    let Measured {
        delivered,
        per_second,
    } = clients.measure(calls, pace, lasting).await?;
    let used = processor_time(process)? - used;
    #[expect(clippy::cast_precision_loss, reason = "bytes of a process")]
    let memory = after.saturating_sub(before) as f64 / sockets;
    Ok(Side {
        p50: delivered.p50,
        p99: delivered.p99,
        from_sending_p99: delivered.from_sending_p99,
        per_second,
        bytes: delivered.bytes,
        processors: used / began.elapsed().as_secs_f64(),
        memory,
    })
}

/// Seconds of processor time that a process has taken, as Linux tells them: in hundredths.
fn processor_time(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, behind) = stat.rsplit_once(')').context("a name")?;
    let mut fields = behind.split_whitespace().skip(11).map(str::parse::<f64>);
    let (user, system) = fields.next().zip(fields.next()).context("two times")?;
    Ok((user? + system?) / 100.0)
}

fn call_of(body: &str) -> anyhow::Result<String> {
    let body: Value = serde_json::from_str(body)?;
    let id = body["payload"]["call"]["id"]
        .as_str()
        .context("a call has an id")?;
    Ok(id.to_owned())
}

fn user_of(body: &str) -> anyhow::Result<String> {
    let body: Value = serde_json::from_str(body)?;
    let call = &body["payload"]["call"];
    let id = call["user"]["id"].as_str().or(call["userId"].as_str());
    Ok(id.context("a call has a user")?.to_owned())
}
