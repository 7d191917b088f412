//! The bare projection loop: each body parsed once, its strings borrowed, and written to the read model's own tables by
//! prepared statements, a few hundred events in a transaction. Only completed calls, each of them new.
//!
//! What it writes: the event's row in the index, the call, its transcript as the document that was sent, analyses, insights and
//! prospects, the user and the prospects as they are now, the checkpoint. What it leaves out, and the projection does: reading the
//! log; hashing bodies; looking for what is stored already, and merging; telling examples, repeats and dead letters; keys for
//! comparing texts; who speaks, and how many words; search, history, drift; orgs.

use std::time::Instant;

use anyhow::Context;
use ingest::projector::BatchLimits;
use sample::Delivery;
use sea_orm::{ConnectionTrait, Database};

use super::body::Body;
use super::place::Place;
use super::rows::Rows;
use super::table::{Postgres, Sqlite};
use crate::load::count;

/// Calls a second.
pub async fn project(place: &Place, deliveries: &[Delivery]) -> anyhow::Result<f64> {
    let tables = Database::connect(place.url("read.db")).await?;
    migration::read_model::create(&tables).await?;
    tables
        .execute_unprepared("INSERT INTO checkpoint VALUES (1, 0, 1, 1, 1, FALSE)")
        .await?;
    let mut writer = match place {
        Place::Sqlite(folder) => Writer::Sqlite(Sqlite::open(&folder.path().join("read.db"))?),
        Place::Postgres(url) => Writer::Postgres(Postgres::open(url).await?),
    };
    let calls: Vec<&Delivery> = deliveries
        .iter()
        .filter(|delivery| delivery.event_type == "call.completed")
        .collect();
    let events = usize::try_from(BatchLimits::default().events)?;
    let mut position = 0;
    let begin = Instant::now();
    for batch in calls.chunks(events) {
        let bodies = batch
            .iter()
            .map(|delivery| serde_json::from_str(&delivery.body).context("a call"));
        let bodies: Vec<Body<'_>> = bodies.collect::<anyhow::Result<_>>()?;
        let rows = Rows::of(&bodies, position);
        position += i64::try_from(batch.len())?;
        match &mut writer {
            Writer::Sqlite(sqlite) => sqlite.write(&rows, position)?,
            Writer::Postgres(postgres) => postgres.write(&rows, position).await?,
        }
    }
    Ok(count(calls.len()) / begin.elapsed().as_secs_f64())
}

enum Writer {
    Sqlite(Sqlite),
    Postgres(Postgres),
}
