//! The bare append loop: the log's own table and triggers, one prepared statement, and as many events in a transaction as
//! [`ingest::log::Limits`] lets commit together, or one. No HTTP, no signature, no look whether an event is stored already.
//!
//! As durable as the log: SQLite with `synchronous=FULL`, PostgreSQL with everything as it is installed.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use ingest::log::Limits;
use sample::Delivery;
use sea_orm::Database;
use tokio_postgres::NoTls;

use super::place::Place;
use crate::load::count;

/// The headers as they are stored of a request.
const HEADERS: &str = r#"{"id":"msg_2srFQxYPnBzB7RzdZXZbpW6yWZf","timestamp":"1748822400","signature":"v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="}"#;
const SECRET_ID: &str = "0123456789ab";

/// Events a second, in groups.
pub async fn grouped(place: &Place, deliveries: &[Delivery]) -> anyhow::Result<f64> {
    append(place, deliveries, Limits::default().group).await
}

/// Events a second, one by one.
pub async fn single(place: &Place, deliveries: &[Delivery]) -> anyhow::Result<f64> {
    append(place, deliveries, 1).await
}

async fn append(place: &Place, deliveries: &[Delivery], group: usize) -> anyhow::Result<f64> {
    migration::log::migrate(&Database::connect(place.url("log.db")).await?).await?;
    match place {
        Place::Sqlite(folder) => in_sqlite(&folder.path().join("log.db"), deliveries, group),
        Place::Postgres(url) => in_postgres(url, deliveries, group).await,
    }
}

fn in_sqlite(file: &Path, deliveries: &[Delivery], group: usize) -> anyhow::Result<f64> {
    let mut connection = rusqlite::Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    let mut position = 0_i64;
    let begin = Instant::now();
    for group in deliveries.chunks(group) {
        let transaction = connection.transaction()?;
        let mut insert = transaction.prepare_cached(
            "INSERT INTO events (position, source, message_id, received_at, type_hint, headers, secret_id, body)
             VALUES (?1, 'salesmagic', ?2, ?3, NULL, ?4, ?5, ?6)",
        )?;
        for delivery in group {
            position += 1;
            let body = delivery.body.as_bytes();
            insert.execute((
                position,
                &delivery.message_id,
                position,
                HEADERS,
                SECRET_ID,
                body,
            ))?;
        }
        drop(insert);
        transaction.commit()?;
    }
    Ok(count(deliveries.len()) / begin.elapsed().as_secs_f64())
}

async fn in_postgres(url: &str, deliveries: &[Delivery], group: usize) -> anyhow::Result<f64> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    let insert = client
        .prepare(
            "INSERT INTO events (position, source, message_id, received_at, headers, secret_id, body)
             SELECT position, 'salesmagic', message_id, position, $3::text, $4::text, body
             FROM unnest($1::bigint[], $2::text[], $5::bytea[]) AS e (position, message_id, body)",
        )
        .await
        .context("the statement")?;
    let mut position = 0_i64;
    let begin = Instant::now();
    for group in deliveries.chunks(group) {
        let positions: Vec<i64> = group
            .iter()
            .map(|_| {
                position += 1;
                position
            })
            .collect();
        let ids: Vec<&str> = group.iter().map(|sent| sent.message_id.as_str()).collect();
        let bodies: Vec<&[u8]> = group.iter().map(|sent| sent.body.as_bytes()).collect();
        client
            .execute(&insert, &[&positions, &ids, &HEADERS, &SECRET_ID, &bodies])
            .await?;
    }
    Ok(count(deliveries.len()) / begin.elapsed().as_secs_f64())
}
