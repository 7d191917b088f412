//! `hookgraph export --format csv`: the tables say what the API says, field by field, all of one moment.

use std::process::Stdio;

use chrono::{DateTime, SecondsFormat};
use csv::Reader;
use sample::Delivery;
use sample::catalogue::EXAMPLES;
use sample::company::{Company, Size};
use serde_json::{Value, json};
use tests::server::{Finished, finish};
use tests::{Installation, Server, within};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::expected;

const CALLS: &str = "id,title,org_id,org_name,user_id,user_name,user_email,manager_id,team_id,created_at,duration,score,\
    prospect_ids,prospect_names,line_count,rep_word_count,prospect_word_count,rep_turn_count,prospect_turn_count,example";
const ANALYSES: &str = "call_id,analysis_index,analysis_type,score,summary,created_at,org_id,user_id,user_name,team_id,\
    manager_id,example";
const INSIGHTS: &str = "call_id,analysis_index,analysis_type,kind,ordinal,text,created_at,org_id,user_id,user_name,example";

/// The lists of an analysis, in the order of their names.
const LISTS: [&str; 9] = [
    "actionItems",
    "competitors",
    "customerChallenges",
    "dealDrivers",
    "missedOpportunities",
    "objections",
    "productPositioning",
    "products",
    "salesStrengths",
];

/// What is hard to quote.
const HARD: &str = "commas, \"quotes\", 'and' \"\",\r\nline\nends\r, tabs\t;\u{1f600} \u{2028}ü ";

/// A call like the catalogue's, made different by `change`.
fn call(id: &str, change: impl FnOnce(&mut Value)) -> Delivery {
    let event_type = "call.completed";
    let example = EXAMPLES.iter().find(|e| e.event_type == event_type);
    let body = example.expect("an example").with_true_type();
    let mut event: Value = serde_json::from_str(&body).expect("JSON");
    event["id"] = json!(format!("event of {id}"));
    event["payload"]["call"]["id"] = json!(id);
    change(&mut event["payload"]["call"]);
    Delivery {
        message_id: format!("msg_{id}"),
        event_type: event_type.to_owned(),
        body: event.to_string(),
    }
}

/// Texts that are hard to quote, in every place where a text can be.
fn hard() -> Delivery {
    call("hard, \"id\"", |call| {
        call["orgId"] = json!(format!("org {HARD}"));
        call["title"] = json!(HARD);
        call["user"]["id"] = json!("user, hard");
        call["user"]["name"] = json!(HARD);
        call["user"]["email"] = json!("\"a,b\"@example.com");
        let prospect = &call["prospects"][0];
        let [mut first, mut second, mut third] = [(); 3].map(|()| prospect.clone());
        first["name"] = json!("Ann, \"A\"");
        first["id"] = json!("p1");
        second["name"] = Value::Null;
        second["id"] = json!("p2");
        third["name"] = json!("of no id");
        third["id"] = Value::Null;
        call["prospects"] = json!([second, first, third]);
        let analysis = &mut call["analysis"][0];
        analysis["summary"] = json!(HARD);
        analysis["score"] = json!(1e21);
        analysis["objections"] = json!([HARD, "", "\n", "=1+1", "-2", "+3", "@sum", "\t=4", "a=b"]);
        let mut second = analysis.clone();
        second["score"] = json!(-0.1);
        call["analysis"] = json!([analysis, second]);
    })
}

/// Everything missing that can be.
fn empty() -> Delivery {
    call("empty", |call| *call = json!({ "id": "empty" }))
}

async fn export(installation: &Installation, arguments: &[&str]) -> Finished {
    let arguments = [&["export", "--format", "csv", "--table"], arguments].concat();
    finish(&mut installation.on_store(arguments)).await
}

/// The rows of a table without the names, which are checked.
async fn table(installation: &Installation, arguments: &[&str], names: &str) -> Vec<Vec<String>> {
    let exported = export(installation, arguments).await;
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    rows(&exported.stdout, names)
}

fn rows(text: &str, names: &str) -> Vec<Vec<String>> {
    let mut reader = Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a row of names");
    assert_eq!(header.iter().collect::<Vec<_>>().join(","), names);
    let record = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
    let records = reader.records();
    records.map(|found| record(found.expect("CSV"))).collect()
}

/// A field of an answer as a cell has it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().expect("a number").to_string(),
        other => other.to_string(),
    }
}

fn time(value: &Value) -> String {
    value.as_str().map_or(String::new(), |text| {
        let time = DateTime::parse_from_rfc3339(text).expect("a time");
        time.to_utc().to_rfc3339_opts(SecondsFormat::Micros, true)
    })
}

/// The three tables, made of the answers of the API.
async fn answers(server: &Server) -> [Vec<Vec<String>>; 3] {
    server.settled().await;
    let lists = LISTS.join(" ");
    let query = format!(
        "{{ calls(first: 100) {{ pageInfo {{ hasNextPage }} nodes {{
            id title createdAt managerId teamId score isExample orgId stats {{ duration }}
            org {{ id name }} user {{ id name email }} prospects {{ id name }}
            transcript {{ lineCount repWordCount prospectWordCount repTurnCount prospectTurnCount }}
            analysis {{ index analysisType score summary {lists} }}
        }} }} }}"
    );
    let data = server.graphql(&query, json!({})).await;
    assert_eq!(data["calls"]["pageInfo"]["hasNextPage"], false);
    let nodes = data["calls"]["nodes"].as_array().expect("a list");
    let [mut calls, mut analyses, mut insights] = [const { Vec::new() }; 3];
    // The API's order is from the newest.
    for call in nodes.iter().rev() {
        let (user, org, transcript) = (&call["user"], &call["org"], &call["transcript"]);
        let prospects = call["prospects"].as_array().expect("a list");
        let joined = |field| {
            let joined: Vec<_> = prospects.iter().map(|p| cell(&p[field])).collect();
            joined.join(";")
        };
        let created_at = time(&call["createdAt"]);
        let example = cell(&call["isExample"]);
        let mut row = Vec::from(
            [
                &call["id"],
                &call["title"],
                &call["orgId"],
                &org["name"],
                &user["id"],
                &user["name"],
                &user["email"],
                &call["managerId"],
                &call["teamId"],
            ]
            .map(cell),
        );
        row.push(created_at.clone());
        row.push(cell(&call["stats"]["duration"]));
        row.push(cell(&call["score"]));
        row.push(joined("id"));
        row.push(joined("name"));
        for count in [
            "lineCount",
            "repWordCount",
            "prospectWordCount",
            "repTurnCount",
            "prospectTurnCount",
        ] {
            row.push(cell(&transcript[count]));
        }
        row.push(example.clone());
        calls.push(row);

        for analysis in call["analysis"].as_array().expect("a list") {
            let of = [
                cell(&call["id"]),
                cell(&analysis["index"]),
                cell(&analysis["analysisType"]),
            ];
            let by = [
                created_at.clone(),
                cell(&call["orgId"]),
                cell(&user["id"]),
                cell(&user["name"]),
            ];
            let mut row = of.to_vec();
            row.extend([&analysis["score"], &analysis["summary"]].map(cell));
            row.extend(by.clone());
            row.extend([&call["teamId"], &call["managerId"]].map(cell));
            row.push(example.clone());
            analyses.push(row);
            for list in LISTS {
                let entries = analysis[list].as_array().expect("a list").iter();
                for (ordinal, text) in entries.enumerate() {
                    let mut row = of.to_vec();
                    row.extend([list.to_owned(), ordinal.to_string(), cell(text)]);
                    row.extend(by.clone());
                    row.push(example.clone());
                    insights.push(row);
                }
            }
        }
    }
    [calls, analyses, insights]
}

#[tokio::test]
async fn each_cell_is_what_the_api_answers_with_the_server_and_without() {
    let mut deliveries = expected::deliveries();
    deliveries.extend([hard(), empty()]);
    let mut server = Server::start().await;
    server.sender().deliver(&deliveries).await;
    let expected = answers(&server).await;
    let head = server.head().await;
    let [calls, analyses, insights] = &expected;
    // There is something to compare.
    assert_eq!(calls.len(), 33);
    assert!(analyses.len() > 30 && insights.len() > 200);
    let hard = calls.iter().find(|row| row[0] == "hard, \"id\"");
    let hard = hard.expect("it is there");
    assert_eq!(hard[1], HARD);
    assert_eq!([&hard[12], &hard[13]], ["p2;p1", ";Ann, \"A\""]);
    let empty = calls.iter().find(|row| row[0] == "empty");
    let empty = empty.expect("it is there");
    // It does not say when it was made, so that is when its event happened.
    assert!(empty[9].ends_with('Z'), "{empty:?}");
    assert_eq!(empty[1..14].concat(), empty[9]);
    let examples: Vec<_> = calls.iter().filter(|row| row[19] == "true").collect();
    assert_eq!(examples.len(), 1, "{examples:?}");
    assert_eq!(examples[0][0], "3ba53534-23fa-41d8-ada1-db7385e40276");

    let tables = [
        ("calls", CALLS),
        ("analyses", ANALYSES),
        ("insights", INSIGHTS),
    ];
    for serves in [true, false] {
        for ((name, names), expected) in tables.iter().zip(&expected) {
            let found = table(&server.installation, &[name], names).await;
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!(found, expected);
            }
        }
        if serves {
            assert_eq!(server.stop().await.code(), Some(0));
        }
    }
    let said = export(&server.installation, &["calls"]).await.stderr;
    let expected = format!("33 rows of calls: figures up to position {head} of the log.\n");
    assert!(said.ends_with(&expected), "{said}");
}

#[tokio::test]
async fn formulas_are_escaped_when_that_is_asked_for() {
    let server = Server::start().await;
    server.sender().deliver(&[hard()]).await;
    server.settled().await;
    let as_sent = table(&server.installation, &["insights"], INSIGHTS).await;
    let options = ["insights", "--escape-formulas"];
    let escaped = table(&server.installation, &options, INSIGHTS).await;
    let texts = |rows: &[Vec<String>]| {
        let objections = rows
            .iter()
            .filter(|row| row[1] == "0" && row[3] == "objections");
        objections.map(|row| row[5].clone()).collect::<Vec<_>>()
    };
    let sent = [HARD, "", "\n", "=1+1", "-2", "+3", "@sum", "\t=4", "a=b"];
    assert_eq!(texts(&as_sent), sent);
    let safe = [
        HARD, "", "'\n", "'=1+1", "'-2", "'+3", "'@sum", "'\t=4", "a=b",
    ];
    assert_eq!(texts(&escaped), safe);
    // Numbers are no formulas.
    let analyses = table(
        &server.installation,
        &["analyses", "--escape-formulas"],
        ANALYSES,
    )
    .await;
    let scores: Vec<_> = analyses.iter().map(|row| row[3].as_str()).collect();
    assert_eq!(scores, ["1000000000000000000000", "-0.1"]);
}

#[tokio::test]
async fn with_nothing_in_it_a_table_has_its_names() {
    let server = Server::start().await;
    for (name, names) in [
        ("calls", CALLS),
        ("analyses", ANALYSES),
        ("insights", INSIGHTS),
    ] {
        let exported = export(&server.installation, &[name, "--to", name]).await;
        assert_eq!(exported.code, Some(0), "{exported:?}");
        assert_eq!(exported.stdout, "");
        let said = format!("Exported 0 rows of {name}: figures up to position 0 of the log.\n");
        assert_eq!(exported.stderr, said);
        let file = server.installation.folder().join(name);
        let text = std::fs::read_to_string(file).expect("it is written");
        assert_eq!(text, format!("{names}\n"));
        // What is there already is not overwritten.
        let refused = export(&server.installation, &[name, "--to", name]).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
    }
}

#[tokio::test]
async fn what_the_figures_lack_is_told_and_without_a_read_model_what_to_do() {
    let mut server = Server::start().await;
    server.sender().deliver(&[hard()]).await;
    server.settled().await;
    assert_eq!(server.stop().await.code(), Some(0));
    let installation = &server.installation;
    let events = finish(&mut installation.on_store(["export"])).await.stdout;

    let other = Installation::new();
    std::fs::write(other.folder().join("events"), events).expect("it is written");
    let imported = finish(&mut other.on_store(["import", "events"])).await;
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let refused = export(&other, &["calls", "--to", "calls.csv"]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let what = "start the server once or run `hookgraph rebuild`";
    assert!(refused.stderr.contains(what), "{refused:?}");
    assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
    assert!(!other.folder().join("calls.csv").exists());

    // One event that no server has read.
    let mut more = other.serve().await;
    more.sender().deliver(&[empty()]).await;
    assert_eq!(more.stop().await.code(), Some(0));
    let events = finish(&mut more.installation.on_store(["export"])).await;
    let file = installation.folder().join("more");
    std::fs::write(file, events.stdout).expect("it is written");
    let imported = finish(&mut installation.on_store(["import", "more"])).await;
    assert!(imported.stdout.contains("1 stored"), "{imported:?}");
    let exported = export(installation, &["calls"]).await;
    assert_eq!(rows(&exported.stdout, CALLS).len(), 1);
    let said = &exported.stderr;
    assert!(
        said.contains("figures up to position 1 of the log."),
        "{said}"
    );
    assert!(said.contains("Warning"), "{said}");
    assert!(said.contains("position 2 already, so 1 event"), "{said}");
}

#[tokio::test]
async fn options_that_do_not_fit_are_refused() {
    let installation = Installation::new();
    for (arguments, word) in [
        (&["--format", "csv"][..], "--table calls"),
        (&["--table", "calls"], "--format csv"),
        (&["--escape-formulas"], "--format csv"),
        (
            &["--format", "csv", "--table", "calls", "--after", "0"],
            "--format jsonl",
        ),
    ] {
        let arguments = [&["export"], arguments].concat();
        let refused = finish(&mut installation.on_store(arguments)).await;
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert_eq!(refused.stderr.lines().count(), 1, "{refused:?}");
        assert!(refused.stderr.contains(word), "{refused:?}");
    }
    assert!(!installation.data_dir().exists());
}

/// A server with more insights than a pipe holds, and how many they are.
async fn with_many_insights() -> (Server, usize) {
    let server = Server::start().await;
    let size = Size {
        calls: 60,
        ..Size::default()
    };
    let deliveries: Vec<_> = Company::new(size).deliveries().collect();
    server.sender().deliver(&deliveries).await;
    let [_, _, insights] = answers(&server).await;
    (server, insights.len())
}

#[tokio::test]
async fn all_rows_are_of_one_moment_however_slowly_they_are_read() {
    let (server, insights) = with_many_insights().await;
    let head = server.head().await;
    let arguments = ["export", "--format", "csv", "--table", "insights"];
    let mut export = server.installation.on_store(arguments);
    export.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut export = export.spawn().expect("it starts");
    let mut output = BufReader::new(export.stdout.take().expect("its output"));
    let mut text = String::new();
    let read = within("a first line", output.read_line(&mut text)).await;
    assert!(read.expect("it can be read") > 0);
    // The export stands still, as the pipe is full. The server does not.
    server.sender().deliver(&[hard()]).await;
    server.settled().await;
    assert_eq!(server.head().await, head + 1);
    assert_eq!(export.try_wait().expect("a child can be asked"), None);
    let read = within("the rest", output.read_to_string(&mut text)).await;
    read.expect("it can be read");
    let ended = within("the export to end", export.wait_with_output()).await;
    let ended = ended.expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(rows(&text, INSIGHTS).len(), insights);
    let said = String::from_utf8_lossy(&ended.stderr);
    let expected =
        format!("{insights} rows of insights: figures up to position {head} of the log.\n");
    assert!(said.ends_with(&expected), "{said}");
}

#[tokio::test]
async fn a_reader_that_has_enough_ends_an_export_quietly() {
    let (server, _) = with_many_insights().await;
    let arguments = ["export", "--format", "csv", "--table", "insights"];
    let mut export = server.installation.on_store(arguments);
    export.env("HOOKGRAPH_LOG", "warn");
    export.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut export = export.spawn().expect("it starts");
    let mut output = BufReader::new(export.stdout.take().expect("its output"));
    let mut first = String::new();
    let read = within("a first line", output.read_line(&mut first)).await;
    assert!(read.expect("it can be read") > 0);
    drop(output);
    let ended = within("the export to end", export.wait_with_output()).await;
    let ended = ended.expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}
