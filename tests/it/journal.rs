//! The disk of PostgreSQL's journal is full: PostgreSQL itself gives up, and has to be started again when there is room. Until then
//! webhooks are refused; nothing that was acknowledged is lost.
//!
//! On PostgreSQL whatever this run of the tests is for.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use sea_orm::{ConnectionTrait, Database};
use tests::disk::SmallDisk;
use tests::fault::scale;
use tests::load::Plan;
use tests::postgres::Cluster;

use crate::full::{MIB, NOBODY};
use crate::processes::serve;

/// Room for the journal as it is, and for what is removed when there is to be room again.
const DISK: usize = 192 * MIB;
const BALLAST: usize = 64 * MIB;

/// Moves a folder of PostgreSQL's, which does not run, onto a small disk.
fn onto_small_disk(folder: &Path) -> Option<SmallDisk> {
    let old = folder.with_extension("old");
    fs::rename(folder, &old).expect("it can be moved");
    let disk = SmallDisk::mount(folder, u64::try_from(DISK).expect("small"))?;
    chown(folder, Some(NOBODY), Some(NOBODY)).expect("root may give a folder away");
    for entry in fs::read_dir(&old).expect("a folder").flatten() {
        let to = folder.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).expect("a folder");
        } else {
            fs::copy(entry.path(), &to).expect("there is room");
        }
        chown(&to, Some(NOBODY), Some(NOBODY)).expect("root may give a file away");
    }
    Some(disk)
}

/// Begins one part of the journal after the other, until PostgreSQL can no more.
async fn exhaust(url: &str) {
    let db = Database::connect(url).await.expect("a connection");
    let begin = "SELECT pg_logical_emit_message(true, 'part', 'begun'), pg_switch_wal()";
    for _ in 0..100 {
        if db.execute_unprepared(begin).await.is_err() {
            return;
        }
    }
    panic!("the journal's disk is not full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_journal_loses_nothing_acknowledged() {
    let mut cluster = Cluster::start("-c min_wal_size=32MB");
    let url = cluster.create_database();
    cluster.crash();
    let Some(disk) = onto_small_disk(&cluster.data().join("pg_wal")) else {
        return;
    };
    cluster.restart();
    let server = serve(&url, "ingest,project,api").await;
    let mut acknowledged = Vec::new();
    for round in 1..=scale(1, 5) {
        disk.take(BALLAST);
        let name = format!("journal_{round}");
        let mut load = Plan::to([&server]).start(&name);
        load.further(40).await;
        disk.fill();
        exhaust(&url).await;
        load.answered_further(503, 20).await;
        disk.make_room();
        // What is left of it is ended, as whoever supervises it would.
        cluster.crash();
        cluster.restart();
        load.further(40).await;
        acknowledged.extend(load.end().await);
        server.settled().await;
    }
    server.assert_holds(&acknowledged).await;
}
