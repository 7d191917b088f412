//! Installations that hold the same events of one org at the same places of the log, and between them what differs.

use ingest::database::Location;
use ingest::feed::Feed;
use ingest::log::{Appender, Arrival, Limits, Log};
use serde_json::{Value, json};
use tests::{Backend, Installation, Server};

/// The org whose token asks.
pub const MINE: &str = "org-mine";

/// Orgs of which it must learn nothing.
pub const OTHERS: [&str; 2] = ["org-quokka", "org-walrus"];

/// Stands in every text of the others, whatever it says.
pub const MARKS: [&str; 2] = ["quokka", "walrus"];

/// Prospects that all orgs share.
const PROSPECTS: [&str; 2] = ["prospect-1", "prospect-2"];

/// The texts of e-mail addresses and transcripts, which can be hidden.
#[derive(Clone, Copy)]
pub struct Words {
    /// Stands in every e-mail address.
    pub email: &'static str,
    /// Stands in every line.
    pub spoken: &'static str,
}

/// The usual words.
pub const WORDS: Words = Words {
    email: "mailbox",
    spoken: "tamarind",
};

/// A call with a user of my org, as they are known there from then on.
fn describing(mut call: Value) -> Value {
    call["timestamp"] = json!("2025-02-28T23:00:00Z");
    call["payload"]["call"]["user"] = json!({
        "id": "user-aardvark-2", "orgId": MINE, "name": "aardvark elsewhere", "email": "elsewhere@example.com",
        "createdAt": "2025-01-02T03:04:05Z",
    });
    call
}

/// What an org is called and does; each has its own.
struct Company<'w> {
    org: &'w str,
    /// Stands in each of its texts.
    mark: &'w str,
    users: usize,
    /// Calls of each user.
    calls: usize,
    words: Words,
}

fn call_body(
    company: &Company<'_>,
    user: usize,
    call: usize,
    user_id: &str,
    embeds: bool,
) -> Value {
    let Company {
        org, mark, words, ..
    } = company;
    let day = 1 + (user * 7 + call * 3) % 27;
    let created_at = format!("2025-02-{day:02}T10:00:00Z");
    let id = format!("call-{mark}-{user}-{call}");
    let score = f64::from(u32::try_from(40 + user * 7 + call * 5 + mark.len()).expect("small"));
    let list = |what: &str| json!([format!("{what} of {mark}"), format!("{what} of all")]);
    let analysis = json!({
        "analysisType": format!("type-{mark}"),
        "score": score,
        "summary": format!("summary {mark}"),
        "actionItems": list("action"),
        "competitors": list("competitor"),
        "customerChallenges": list("challenge"),
        "dealDrivers": list("driver"),
        "missedOpportunities": list("missed"),
        "objections": list("objection"),
        "productPositioning": list("positioning"),
        "products": list("product"),
        "salesStrengths": list("strength"),
    });
    let prospects: Vec<Value> = PROSPECTS
        .iter()
        .map(|prospect| {
            json!({
                "id": prospect,
                "name": format!("prospect {mark}"),
                "imageUrl": format!("https://example.com/{mark}.png"),
                "details": {
                    "companyName": format!("company {mark}"),
                    "difficulty": "hard",
                    "industry": format!("industry {mark}"),
                    "jobTitle": format!("title {mark}"),
                },
            })
        })
        .collect();
    let transcript = json!([
        { "createdAt": created_at, "prospectId": null, "prospectText": format!("{} hello {mark}", words.spoken), "speakerName": format!("rep {mark}") },
        { "createdAt": created_at, "prospectId": PROSPECTS[0], "prospectText": format!("too expensive {} {mark}", words.spoken), "speakerName": format!("prospect {mark}") },
    ]);
    let mut body = json!({
        "id": format!("event-{id}"),
        "type": "call.completed",
        "timestamp": created_at,
        "payload": { "call": {
            "id": id, "orgId": org, "userId": user_id, "createdAt": created_at,
            "title": format!("call {mark} {user} {call}"),
            "stats": { "duration": score * 3.0 },
            "analysis": [analysis],
            "prospectIds": PROSPECTS, "prospects": prospects,
            "transcript": transcript,
            "unknown": { format!("field-{mark}"): 1 },
        } },
    });
    if embeds {
        body["payload"]["call"]["user"] = user_of(company, user, user_id, "rep");
    }
    body
}

fn user_of(company: &Company<'_>, user: usize, id: &str, role: &str) -> Value {
    let Company {
        org, mark, words, ..
    } = company;
    json!({
        "id": id, "orgId": org, "name": format!("user {mark} {user}"),
        "email": format!("{}.{mark}{user}@example.com", words.email),
        "image": format!("https://example.com/{mark}/{user}.png"),
        "role": format!("{role} {mark}"), "status": format!("active {mark}"),
        "customerId": format!("customer-{mark}"),
        // A team and a manager that all orgs name.
        "managerId": "manager-1", "teamId": "team-1",
        "streak": user + 1, "longestStreak": user + 5,
        "createdAt": "2025-01-02T03:04:05Z",
    })
}

fn user_event(
    company: &Company<'_>,
    what: &str,
    user: usize,
    id: &str,
    role: &str,
    day: usize,
) -> Value {
    json!({
        "id": format!("event-{}-{what}-{user}-{role}-{day}", company.mark),
        "type": format!("user.{what}"),
        "timestamp": format!("2025-01-{day:02}T08:00:00Z"),
        "payload": { "user": user_of(company, user, id, role) },
    })
}

fn org_event(company: &Company<'_>, what: &str, day: usize) -> Value {
    json!({
        "id": format!("event-{}-org-{what}-{day}", company.mark),
        "type": format!("org.{what}"),
        "timestamp": format!("2025-01-{day:02}T07:00:00Z"),
        "payload": { "org": {
            "id": company.org, "name": format!("org {} {day}", company.mark), "status": format!("paying {}", company.mark),
            "image": format!("https://example.com/{}.png", company.mark), "createdAt": "2025-01-01T00:00:00Z",
        } },
    })
}

/// All that happens to a company.
fn events(company: &Company<'_>) -> Vec<Value> {
    let mut all = vec![
        org_event(company, "updated", 1),
        org_event(company, "updated", 5),
    ];
    for user in 0..company.users {
        let id = format!("user-{}-{user}", company.mark);
        all.push(user_event(company, "created", user, &id, "rep", 2));
        all.push(user_event(company, "updated", user, &id, "lead", 9));
        for call in 0..company.calls {
            all.push(call_body(company, user, call, &id, call % 2 == 0));
        }
    }
    let last = company.users;
    let id = format!("user-{}-{last}", company.mark);
    all.push(user_event(company, "created", last, &id, "rep", 3));
    all.push(user_event(company, "deleted", last, &id, "rep", 11));
    all
}

/// What one installation received.
pub struct World(Vec<String>);

fn mine(words: Words) -> Company<'static> {
    Company {
        org: MINE,
        mark: "aardvark",
        users: 3,
        calls: 3,
        words,
    }
}

impl World {
    /// My org's events, and between them `others`.
    fn of(words: Words, others: Vec<Value>, most: usize) -> Self {
        let mine = events(&mine(words))
            .into_iter()
            .map(|event| event.to_string());
        // What no org has: a type that is not known, and a body that does not fit.
        let none = |n: usize| format!(r#"{{"type":"team.created","n":{n}}}"#);
        let mut others: Vec<String> = others.into_iter().map(|event| event.to_string()).collect();
        others.extend((others.len()..most).map(none));
        others.truncate(most);
        let mut all = Vec::new();
        let mut others = others.into_iter();
        // The first of them stand before all of mine.
        all.extend(others.by_ref().take(3));
        for event in mine {
            all.push(event);
            all.extend(others.by_ref().take(2));
        }
        all.extend(others);
        Self(all)
    }

    /// With two rich neighbours, who share prospects, a team and a manager with my org, name its users, and had one of them before.
    pub fn crowded(words: Words) -> Self {
        let [first, second] = [0, 1].map(|nth| Company {
            org: OTHERS[nth],
            mark: MARKS[nth],
            users: 2 + nth,
            calls: 3 + nth,
            words,
        });
        let mut others = vec![
            user_event(&first, "created", 7, "user-aardvark-0", "rep", 1),
            // Names my user, without describing them.
            call_body(&first, 8, 0, "user-aardvark-1", false),
            call_body(&second, 8, 1, "user-aardvark-1", false),
            // Describes my user as mine, in a call that is not.
            describing(call_body(&first, 9, 0, "user-aardvark-2", false)),
            json!({ "type": "call.completed", "payload": { "call": { "id": 5, "orgId": OTHERS[0], "title": { "quokka": 1 } } } }),
        ];
        let (mut first, mut second) = (events(&first).into_iter(), events(&second).into_iter());
        loop {
            let some = [first.next(), second.next()];
            if some.iter().all(Option::is_none) {
                break;
            }
            others.extend(some.into_iter().flatten());
        }
        Self::of(words, others, 60)
    }

    /// With another neighbour in their place, who has other things in other numbers.
    pub fn quiet(words: Words) -> Self {
        let other = Company {
            org: "org-otter",
            mark: "otter",
            users: 1,
            calls: 2,
            words,
        };
        let mut others = events(&other);
        let before = user_event(&other, "created", 7, "user-aardvark-0", "rep", 1);
        let nothing = || json!({ "type": "team.created" });
        let described = describing(call_body(&other, 9, 0, "user-aardvark-2", false));
        // At the same places as in the crowded world.
        others.splice(0..0, [before, nothing(), nothing(), described]);
        Self::of(words, others, 60)
    }

    /// A server that has received it all, to the microsecond at the same moments as any other.
    pub async fn serve(&self) -> Server {
        let installation = Installation::new()
            .with_variable("HOOKGRAPH_RATE_LIMIT", "0")
            .with_variable("HOOKGRAPH_MAX_COST", "100000000")
            .with_variable("HOOKGRAPH_MAX_DEPTH", "40")
            .with_variable("HOOKGRAPH_MAX_ALIASES", "10000");
        let location = match installation.backend() {
            Backend::Sqlite => {
                std::fs::create_dir_all(installation.data_dir()).expect("a folder");
                Location::Sqlite(installation.data_dir())
            }
            Backend::Postgres(url) => Location::postgres(url).await.expect("a database"),
        };
        let log = Log::open(&location).await.expect("a log");
        let (appender, writer) = Appender::start(log.clone(), Feed::default(), Limits::default());
        for (nth, body) in (0..).zip(&self.0) {
            let arrival = Arrival {
                source: "salesmagic".to_owned(),
                message_id: format!("msg_{nth}"),
                received_at: 1_740_000_000_000_000 + nth * 1_000_000,
                type_hint: None,
                headers: r#"{"id":"m","timestamp":"1","signature":"v1,s"}"#.to_owned(),
                secret_id: "0".to_owned(),
                body: body.clone().into_bytes(),
            };
            appender.append(arrival).await.expect("it is stored");
        }
        drop(appender);
        writer.await.expect("the writer ends");
        log.close().await.expect("the log is closed");
        let server = installation.serve().await;
        server.settled().await;
        server
    }
}
