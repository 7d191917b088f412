//! The signing secret changes under load: no message is lost or doubled, and afterwards the old secret is worth nothing, except to
//! prove what it once signed.

use tests::load::Plan;
use tests::server::{Finished, finish, secret};
use tests::{Installation, Server};

/// Starts the server again with these secrets, in an orderly way.
async fn start_again_with(server: &mut Server, secrets: &[&String]) {
    server.stop().await;
    let secrets = secrets.iter().map(|secret| (*secret).clone());
    server.installation.rotate(secrets);
    server.start_again().await;
}

async fn verify(server: &Server, secret: &str, retired: &str) -> Finished {
    let mut command = server.installation.on_store(["verify"]);
    command
        .env("HOOKGRAPH_WEBHOOK_SECRET", secret)
        .args(["--retired-secrets", retired]);
    finish(&mut command).await
}

/// The number behind `name` in a report.
fn count(report: &Finished, name: &str) -> usize {
    assert_eq!(report.code, Some(0), "{report:?}");
    let mut lines = report.stdout.lines();
    let count = lines.find_map(|line| line.trim().strip_prefix(name));
    let count = count.unwrap_or_else(|| panic!("no {name}: {report:?}"));
    count.trim().parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_changes_under_load() {
    let [old, new] = [secret(1), secret(2)];
    let installation = Installation::new().with_secrets([old.clone()]);
    let mut server = installation.serve().await;
    let mut load = Plan::to([&server]).tolerating(401).start("rotation");
    load.further(40).await;

    start_again_with(&mut server, &[&old, &new]).await;
    load.further(40).await;
    for sender in 0..load.senders() {
        load.sign_with(sender, &new);
        load.further(10).await;
    }
    assert_eq!(load.answered(401), 0, "both secrets were known");

    start_again_with(&mut server, &[&new]).await;
    load.further(40).await;
    assert_eq!(load.answered(401), 0, "all senders had moved");
    let late = server.sender().secret(&old);
    assert_eq!(late.send("msg_late", "{}").await.status, 401);
    // Who still signs with the old one is refused until it moves, and loses nothing by that.
    load.sign_with(0, &old);
    load.answered_further(401, 5).await;
    load.sign_with(0, &new);
    load.further(40).await;
    let acknowledged = load.end().await;
    let stored = server.assert_holds(&acknowledged).await;

    let all = verify(&server, &new, &old).await;
    assert_eq!(count(&all, "verified"), stored.len(), "{all:?}");
    let some = verify(&server, &new, "").await;
    let (verified, unverifiable) = (count(&some, "verified"), count(&some, "unverifiable"));
    assert_eq!(verified + unverifiable, stored.len(), "{some:?}");
    assert!(verified >= 80 && unverifiable >= 80, "{some:?}");
}
