//! A moment of the past is what a server knows that was sent nothing later, and the changes in their order lead to what is so now.

use std::collections::BTreeMap;

use ingest::generation::ReadModel;
use ingest::log::Limits;
use ingest::payload::{self, Instant};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;
use sea_orm::EntityTrait;
use serde_json::{Map, Value, json};
use tests::history::{Message, history, sketch};

use crate::check::check;
use crate::client::{graphql, query};
use crate::stores::Stores;
use api::graphql::Graphql;

/// The fields of users and orgs that events describe, by their payload's names.
const USER: &str =
    "orgId name email image role status customerId managerId teamId streak longestStreak createdAt";
const ORG: &str = "name image status createdAt";

/// Whom a history is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    root: &'static str,
    id: String,
}

impl Subject {
    fn fields(&self) -> &'static str {
        if self.root == "user" { USER } else { ORG }
    }
}

/// When a message says that it happened, to the microsecond.
fn occurred_at(message: &Message) -> Option<i64> {
    let reading = payload::read(message.body.as_bytes(), message.type_hint.as_deref());
    reading.occurred_at.map(Instant::micros)
}

/// Every user and org that `read_model` has a row of.
async fn subjects(read_model: &ReadModel) -> Vec<Subject> {
    let live = read_model.live();
    let users = entity::read_model::user::Entity::find().all(live.db());
    let users = users.await.unwrap().into_iter().map(|row| ("user", row.id));
    let orgs = entity::read_model::org::Entity::find().all(live.db());
    let orgs = orgs.await.unwrap().into_iter().map(|row| ("org", row.id));
    let both = users.chain(orgs);
    both.map(|(root, id)| Subject { root, id }).collect()
}

/// What is answered of `subject`, now or at a moment; null where nothing but its id is known.
async fn answered(graphql: &Graphql, subject: &Subject, as_of: Option<&str>) -> Value {
    let Subject { root, id } = subject;
    let text = format!(
        "query($id: ID!, $asOf: DateTime) {{ it: {root}(id: $id, asOf: $asOf) {{
           id {} deleted deletedAt lastEvent {{ sha256 type }} }} }}",
        subject.fields()
    );
    let mut answer = query(graphql, &text, json!({"id": id, "asOf": as_of})).await;
    let it = answer["it"].take();
    if it["lastEvent"].is_null() {
        return Value::Null;
    }
    it
}

async fn a_moment_is_what_was_known_of_it(
    (messages, moments): (Vec<Message>, [Index; 2]),
) -> TestCaseResult {
    let stores = Stores::open(Limits::default()).await;
    stores.append_all(&messages).await;
    let read_model = stores.projected("all").await;
    let all = graphql(&stores, &read_model);
    let times: Vec<i64> = messages.iter().filter_map(occurred_at).collect();
    if times.is_empty() {
        return Ok(());
    }
    for moment in moments {
        let moment = *moment.get(&times);
        let earlier: Vec<Message> = messages
            .iter()
            .filter(|message| occurred_at(message).is_none_or(|time| time <= moment))
            .cloned()
            .collect();
        let fresh = Stores::open(Limits::default()).await;
        fresh.append_all(&earlier).await;
        let then = graphql(&fresh, &fresh.projected("then").await);
        let as_of = chrono::DateTime::from_timestamp_micros(moment).unwrap();
        let as_of = as_of.to_rfc3339();
        for subject in subjects(&read_model).await {
            let known = answered(&then, &subject, None).await;
            let told = answered(&all, &subject, Some(&as_of)).await;
            prop_assert_eq!(&told, &known, "{:?} as of {}", &subject, &as_of);
        }
    }
    Ok(())
}

#[test]
fn a_moment_is_what_a_server_knows_that_was_sent_nothing_later() {
    let messages = prop_oneof![
        history(16),
        proptest::collection::vec(sketch(), 1..24).boxed()
    ];
    let moments = any::<[Index; 2]>();
    check(24, &(messages, moments), a_moment_is_what_was_known_of_it);
}

/// The whole history of `subject`, the first change first, by pages of three.
async fn changes(graphql: &Graphql, subject: &Subject) -> Vec<Value> {
    let Subject { root, id } = subject;
    let text = format!(
        "query($id: ID!, $before: String) {{ it: {root}(id: $id) {{ history(last: 3, before: $before) {{ totalCount
           pageInfo {{ hasPreviousPage startCursor }}
           nodes {{ type occurredAt deleted changes {{ field before after }} event {{ sha256 type }}
             {root} {{ id {} deleted lastEvent {{ sha256 type }} }} }} }} }} }}",
        subject.fields()
    );
    let mut all = Vec::new();
    let mut before = Value::Null;
    loop {
        let answer = query(graphql, &text, json!({"id": id, "before": before})).await;
        let page = &answer["it"]["history"];
        let nodes = page["nodes"].as_array().unwrap();
        all.extend(nodes.iter().rev().cloned());
        if page["pageInfo"]["hasPreviousPage"] == false {
            assert_eq!(page["totalCount"], json!(all.len()));
            return all;
        }
        before = page["pageInfo"]["startCursor"].clone();
    }
}

async fn changes_lead_to_what_is_so_now(messages: Vec<Message>) -> TestCaseResult {
    let stores = Stores::open(Limits::default()).await;
    stores.append_all(&messages).await;
    let read_model = stores.projected("a").await;
    let graphql = graphql(&stores, &read_model);
    for subject in subjects(&read_model).await {
        let mut fields: BTreeMap<&str, Value> = subject
            .fields()
            .split(' ')
            .map(|field| (field, Value::Null))
            .collect();
        let mut deleted = false;
        let told = changes(&graphql, &subject).await;
        for (nth, change) in told.iter().enumerate() {
            let changed = change["changes"].as_array().unwrap();
            prop_assert!(
                nth == 0 || !changed.is_empty() || change["deleted"] != json!(deleted),
                "nothing changed: {}",
                change
            );
            for field in changed {
                let value = fields.get_mut(field["field"].as_str().unwrap()).unwrap();
                prop_assert_eq!(&field["before"], &*value, "{}", change);
                prop_assert_ne!(&field["before"], &field["after"], "{}", change);
                *value = field["after"].clone();
            }
            deleted = change["deleted"].as_bool().unwrap();
            let then = &change[subject.root];
            for (field, value) in &fields {
                prop_assert_eq!(&then[field], value, "{} of {}", field, change);
            }
            prop_assert_eq!(&then["deleted"], &json!(deleted));
            prop_assert_eq!(&then["lastEvent"], &change["event"]);
            prop_assert_eq!(&change["type"], &change["event"]["type"]);
        }
        let now = answered(&graphql, &subject, None).await;
        prop_assert_eq!(now.is_null(), told.is_empty(), "{:?}", &subject);
        if !now.is_null() {
            for (field, value) in &fields {
                prop_assert_eq!(&now[field], value, "{} of {}", field, now);
            }
            prop_assert_eq!(&now["deleted"], &json!(deleted));
        }
    }
    Ok(())
}

#[test]
fn the_changes_in_their_order_lead_to_what_is_so_now() {
    let messages = prop_oneof![
        history(24),
        proptest::collection::vec(sketch(), 1..40).boxed()
    ];
    check(32, &messages, changes_lead_to_what_is_so_now);
}

/// The fields that this file asks for are all that events describe.
#[test]
fn no_field_is_left_out() {
    let fields = |names: &str| -> Vec<String> { names.split(' ').map(str::to_owned).collect() };
    let described = |value: Value| -> Vec<String> {
        let fields: Map<String, Value> = value.as_object().unwrap().clone();
        fields.into_iter().map(|(name, _)| name).collect()
    };
    let sorted = |mut names: Vec<String>| {
        names.sort_unstable();
        names
    };
    let user = serde_json::to_value(payload::User::default()).unwrap();
    assert_eq!(sorted(fields(USER)), sorted(described(user)));
    let org = serde_json::to_value(payload::Org::default()).unwrap();
    assert_eq!(sorted(fields(ORG)), sorted(described(org)));
}
