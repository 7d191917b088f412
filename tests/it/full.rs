//! A full disk: webhooks are refused so that they are sent again, reading goes on, nothing breaks, and when there is room again it
//! goes on by itself.

use std::collections::BTreeSet;
use std::os::unix::fs::chown;
use std::path::Path;

use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::json;
use tests::disk::SmallDisk;
use tests::fault::scale;
use tests::load::{Plan, user};
use tests::postgres::Cluster;
use tests::server::finish;
use tests::{Backend, Installation, Server, until};

pub const MIB: usize = 1 << 20;

/// The room on the disk before the load, soon taken.
const ROOM_LEFT: u64 = 4 << 20;

/// Bytes of each body, about.
const PADDING: usize = 4000;

/// How a server's lines about it begin.
const FULL: &str = "the log cannot store events";
const ROOM: &str = "the log stores events again";

fn lines(server: &Server, about: &str) -> Vec<String> {
    let output = server.output();
    let lines = output.lines().filter(|line| line.contains(about));
    lines.map(str::to_owned).collect()
}

/// What SQLite says to the question whether a file is whole.
async fn integrity(file: &Path) -> String {
    let url = format!("sqlite://{}", file.display());
    let db = Database::connect(url).await.expect("a connection");
    let check = Statement::from_string(sea_orm::DatabaseBackend::Sqlite, "PRAGMA integrity_check");
    let row = db.query_one_raw(check).await.expect("it can be checked");
    let answer = row.expect("an answer").try_get_by_index(0);
    answer.expect("a text")
}

/// Nothing is broken, as far as the database's own check and ours go.
async fn assert_whole(server: &Server) {
    let installation = &server.installation;
    if *installation.backend() == Backend::Sqlite {
        for file in ["log.db", "read-1.db"] {
            let file = installation.data_dir().join(file);
            assert_eq!(integrity(&file).await, "ok", "{}", file.display());
        }
    }
    let verified = finish(&mut installation.on_store(["verify"])).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

/// Everything that was acknowledged can be read, though not all of it may be projected.
async fn assert_readable(server: &Server, acknowledged: &[String]) {
    let head = server.head().await;
    let stored = usize::try_from(head).expect("few");
    assert!(
        stored >= acknowledged.len(),
        "{stored} of {} that were acknowledged",
        acknowledged.len()
    );
    let data = server.graphql("{ users { totalCount } }", json!({})).await;
    assert!(data["users"]["totalCount"].as_u64() > Some(0), "{data}");
    for id in acknowledged.iter().rev().take(5) {
        let query = "query ($id: String!) { event(messageId: $id) { body } }";
        let data = server.graphql(query, json!({ "id": id })).await;
        let body = data["event"]["body"].as_str().expect("a body");
        assert!(body.contains(id.as_str()), "{id}");
    }
}

/// Fills the disk under load, again and again, and makes room again.
async fn fill_and_make_room(server: &Server, disk: &SmallDisk) {
    let mut acknowledged = Vec::new();
    for round in 1..=scale(1, 5) {
        disk.leave(ROOM_LEFT);
        let mut load = Plan::to([server])
            .padding(PADDING)
            .start(&format!("full_{round}"));
        // By load alone: the last bytes are taken by whoever writes at that moment.
        load.answered_further(503, 40).await;
        assert_readable(server, &load.acknowledged()).await;
        assert_whole(server).await;
        disk.fill();
        load.answered_further(503, 40).await;
        let told = lines(server, FULL);
        assert_eq!(told.len(), round, "one line each time: {told:#?}");
        assert!(told[round - 1].contains("ERROR"), "{told:#?}");
        let health = server.client.get(server.url("/health/live")).send().await;
        assert_eq!(health.expect("an answer").status(), 200);

        disk.make_room();
        load.further(40).await;
        acknowledged.extend(load.end().await);
        // It says so when a webhook comes, be it a repeat.
        let last = acknowledged.last().expect("one");
        until("the log says that it goes on", async || {
            let repeat = server.sender().send(last, user(last, PADDING)).await;
            assert_eq!(repeat.status, 204, "{repeat:?}");
            (lines(server, ROOM).len() == round).then_some(())
        })
        .await;
        server.settled().await;
        let projector = lines(server, "the projector cannot go on");
        assert!(projector.len() <= round, "{projector:#?}");
    }
    let stored = server.assert_holds(&acknowledged).await;
    assert_eq!(
        stored.iter().collect::<BTreeSet<_>>(),
        acknowledged.iter().collect(),
        "each was sent until it was acknowledged"
    );
    assert_whole(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_sqlite_refuses_webhooks_and_breaks_nothing() {
    let installation = Installation::new().on_sqlite();
    let size = u64::try_from(64 * MIB).expect("small");
    let Some(disk) = SmallDisk::mount(&installation.data_dir(), size) else {
        return;
    };
    let server = installation.serve().await;
    fill_and_make_room(&server, &disk).await;
}

/// Debian's `nobody`, as whom PostgreSQL runs where the tests are root.
pub const NOBODY: u32 = 65534;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_postgres_refuses_webhooks_and_breaks_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let size = u64::try_from(96 * MIB).expect("small");
    let Some(disk) = SmallDisk::mount(&folder.path().join("small"), size) else {
        return;
    };
    let tables = disk.folder().join("tables");
    std::fs::create_dir(&tables).expect("a folder");
    for folder in [disk.folder(), &tables] {
        chown(folder, Some(NOBODY), Some(NOBODY)).expect("root may give a folder away");
    }
    std::fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("the folder is ours");
    // The journal is on another disk: what fails is the extension of a table.
    let cluster = Cluster::start("-c fsync=off");
    let url = cluster.create_database();
    let db = Database::connect(&url).await.expect("a connection");
    let space = format!("CREATE TABLESPACE small LOCATION '{}'", tables.display());
    db.execute_unprepared(&space).await.expect(&space);
    db.execute_unprepared("CREATE DATABASE hookgraph TABLESPACE small")
        .await
        .expect("a database");
    let (_, host) = url.split_once('?').expect("a socket's folder");
    let url = format!("postgres://postgres@localhost/hookgraph?{host}");
    let server = Installation::new().on_postgres(&url).serve().await;
    fill_and_make_room(&server, &disk).await;
}
