//! Transcripts: lines by page and by who speaks, and each side's share of the words, against the bodies that were sent.

use std::collections::HashSet;

use serde_json::{Value, json};
use tests::Server;

use crate::expected::deliveries;

/// The calls of the deliveries.
fn calls() -> Vec<Value> {
    let bodies = deliveries()
        .into_iter()
        .filter_map(|delivery| serde_json::from_str::<Value>(&delivery.body).ok());
    bodies
        .filter_map(|body| body["payload"].get("call").cloned())
        .collect()
}

/// Who speaks a line, by the design's rule.
fn side(call: &Value, line: &Value) -> &'static str {
    let of_prospects = call["prospects"].as_array().into_iter().flatten();
    let mut prospects: HashSet<&Value> = of_prospects.map(|prospect| &prospect["id"]).collect();
    prospects.extend(call["prospectIds"].as_array().into_iter().flatten());
    match &line["prospectId"] {
        Value::Null => "REP",
        id if prospects.contains(id) => "PROSPECT",
        id if [&call["userId"], &call["user"]["id"]].contains(&id) => "REP",
        _ => "UNKNOWN",
    }
}

async fn lines(server: &Server, call: &Value, arguments: &str) -> Vec<(i64, Value)> {
    let query = format!(
        "query ($id: ID!) {{ transcript(callId: $id) {{ lines{arguments} {{ index prospectText }} }} }}"
    );
    let data = server.graphql(&query, json!({ "id": call["id"] })).await;
    let lines = data["transcript"]["lines"].as_array().expect("lines");
    let line = |line: &Value| {
        let index = line["index"].as_i64().expect("an index");
        (index, line["prospectText"].clone())
    };
    lines.iter().map(line).collect()
}

#[tokio::test]
async fn lines_are_paged_and_told_apart_by_who_speaks() {
    let server = Server::start().await;
    server.sender().deliver(&deliveries()).await;
    server.settled().await;
    let calls = calls();
    let call = calls
        .iter()
        .max_by_key(|call| call["transcript"].as_array().map_or(0, Vec::len))
        .expect("a call");
    let said = call["transcript"].as_array().expect("lines");
    assert!(said.len() > 10, "{}", said.len());
    let expected = |sides: &[&str]| -> Vec<(i64, Value)> {
        let lines = (0..).zip(said);
        lines
            .filter(|(_, line)| sides.contains(&side(call, line)))
            .map(|(index, line)| (index, line["prospectText"].clone()))
            .collect()
    };
    let all = expected(&["REP", "PROSPECT", "UNKNOWN"]);
    assert_eq!(all.len(), said.len());
    assert_eq!(lines(&server, call, "").await, all);
    for side in ["REP", "PROSPECT"] {
        let of_side = expected(&[side]);
        assert!(!of_side.is_empty() && of_side.len() < all.len(), "{side}");
        let arguments = format!("(speaker: [{side}])");
        assert_eq!(lines(&server, call, &arguments).await, of_side);
        // Pages of three, forward and backward, are the whole.
        let (mut forward, mut backward) = (Vec::new(), Vec::new());
        loop {
            let after = forward.last().map_or(-1, |(index, _)| *index);
            let page = format!("(speaker: [{side}], first: 3, after: {after})");
            let page = lines(&server, call, &page).await;
            assert!(page.len() <= 3);
            if page.is_empty() {
                break;
            }
            forward.extend(page);
        }
        assert_eq!(forward, of_side);
        while backward.len() < of_side.len() {
            let before = backward
                .first()
                .map_or(i64::from(i32::MAX), |(index, _)| *index);
            let page = format!("(speaker: [{side}], last: 3, before: {before})");
            let mut page = lines(&server, call, &page).await;
            assert!((1..=3).contains(&page.len()));
            page.append(&mut backward);
            backward = page;
        }
        assert_eq!(backward, of_side);
    }
    let both = lines(
        &server,
        call,
        "(speaker: [REP, PROSPECT, UNKNOWN], first: 2)",
    )
    .await;
    assert_eq!(both, all[..2]);
    assert_eq!(lines(&server, call, "(speaker: [])").await, []);
    assert_eq!(lines(&server, call, "(first: 0)").await, []);
}

#[tokio::test]
async fn a_page_of_lines_that_cannot_be_is_an_error_that_says_what_to_do() {
    let server = Server::start().await;
    server.sender().deliver(&deliveries()).await;
    server.settled().await;
    let id = &calls()[0]["id"];
    for (arguments, advice) in [
        ("first: 1, last: 1", "not for both"),
        ("first: -1", "from 0 on"),
        ("last: -1", "from 0 on"),
    ] {
        let query = format!("{{ transcript(callId: {id}) {{ lines({arguments}) {{ index }} }} }}");
        let answer = server.answer(&query, json!({})).await;
        let error = &answer["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains(advice), "{message}");
    }
}

#[tokio::test]
async fn each_side_has_its_share_of_the_words() {
    let server = Server::start().await;
    server.sender().deliver(&deliveries()).await;
    server.settled().await;
    let mut without_words = 0;
    for call in calls() {
        let words = |asked| -> usize {
            let lines = call["transcript"].as_array().into_iter().flatten();
            let of_side = lines.filter(|line| side(&call, line) == asked);
            of_side
                .filter_map(|line| line["prospectText"].as_str())
                .map(|text| text.split_whitespace().count())
                .sum()
        };
        let (rep, prospect) = (words("REP"), words("PROSPECT"));
        let query = "query ($id: ID!) { transcript(callId: $id) { repWordCount prospectWordCount repWordShare prospectWordShare } }";
        let data = server.graphql(query, json!({ "id": call["id"] })).await;
        let answered = &data["transcript"];
        assert_eq!(answered["repWordCount"], rep, "{}", call["id"]);
        assert_eq!(answered["prospectWordCount"], prospect);
        let (of_rep, of_prospect) = (&answered["repWordShare"], &answered["prospectWordShare"]);
        if rep + prospect == 0 {
            without_words += 1;
            assert!(of_rep.is_null() && of_prospect.is_null(), "{answered}");
            continue;
        }
        let (of_rep, of_prospect) = (of_rep.as_f64(), of_prospect.as_f64());
        let (of_rep, of_prospect) = (of_rep.expect("a share"), of_prospect.expect("a share"));
        assert!((of_rep + of_prospect - 1.0).abs() < 1e-12, "{answered}");
        #[expect(clippy::cast_precision_loss, reason = "some thousand words")]
        let expected = rep as f64 / (rep + prospect) as f64;
        assert!((of_rep - expected).abs() < 1e-12, "{answered}");
    }
    assert!(without_words < 5, "{without_words}");
}
