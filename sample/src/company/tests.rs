//! What the company promises, read from the bodies alone.

use super::*;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

fn size(orgs: usize, users: usize, calls: usize) -> Size {
    Size {
        orgs,
        users,
        calls,
        ..Size::default()
    }
}

fn events(size: Size) -> Vec<Value> {
    Company::new(size)
        .deliveries()
        .map(|delivery| serde_json::from_str(&delivery.body).unwrap())
        .collect()
}

fn of_type<'a>(events: &'a [Value], event_type: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["type"] == event_type)
        .collect()
}

fn calls(events: &[Value]) -> Vec<&Value> {
    of_type(events, "call.completed")
        .into_iter()
        .map(|event| &event["payload"]["call"])
        .collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect()
}

fn spoken(call: &Value) -> Vec<&str> {
    call["transcript"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["prospectText"].as_str().unwrap())
        .collect()
}

fn time(text: &Value) -> DateTime<Utc> {
    let text = text.as_str().unwrap();
    let zoned = if text.ends_with('Z') {
        text.to_owned()
    } else {
        format!("{text}Z")
    };
    zoned.parse().unwrap()
}

/// The keys of a value, those of the first element for a list.
fn shape(value: &Value, path: &str, keys: &mut HashSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                keys.insert(format!("{path}.{key}"));
                shape(value, &format!("{path}.{key}"), keys);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| shape(item, path, keys)),
        _ => {}
    }
}

#[test]
fn the_same_size_gives_the_same_bytes_and_another_other_ids() {
    let read = |size: Size| Company::new(size).deliveries().collect::<Vec<_>>();
    let first = read(size(2, 8, 10));
    assert_eq!(first, read(size(2, 8, 10)));
    let ids: HashSet<_> = first.iter().map(|delivery| &delivery.message_id).collect();
    assert_eq!(ids.len(), first.len());
    let later = Size {
        ends_at: Size::default().ends_at + chrono::TimeDelta::days(1),
        ..size(2, 8, 10)
    };
    for other in [
        size(2, 8, 11),
        Size {
            seed: 2,
            ..size(2, 8, 10)
        },
        later,
    ] {
        assert!(
            !read(other)
                .iter()
                .any(|delivery| ids.contains(&delivery.message_id))
        );
    }
}

#[test]
fn bodies_are_made_when_asked_for() {
    // All of them would be fourteen gigabytes.
    let company = Company::new(Size {
        days: 3_650,
        ..size(3, 30, 400_000)
    });
    assert_eq!(company.deliveries().take(50).count(), 50);
}

#[test]
fn every_field_of_the_catalogue_is_there_and_no_other() {
    let events = events(size(3, 40, 60));
    for example in crate::catalogue::EXAMPLES {
        let (mut published, mut ours) = (HashSet::new(), HashSet::new());
        shape(
            &serde_json::from_str(example.body).unwrap(),
            "",
            &mut published,
        );
        let of_type = of_type(&events, example.event_type);
        assert!(!of_type.is_empty(), "{}", example.event_type);
        for event in of_type {
            shape(event, "", &mut ours);
        }
        assert_eq!(ours, published, "{}", example.event_type);
    }
    for call in calls(&events) {
        assert_eq!(call["user"].as_object().unwrap().len(), 13);
        for prospect in call["prospects"].as_array().unwrap() {
            let details = prospect["details"].as_object().unwrap();
            assert_eq!(details.len(), 24);
            assert!(
                details.values().all(|detail| detail.is_number()
                    || detail.as_str().is_some_and(|text| text.len() > 2)),
                "{details:?}"
            );
        }
    }
}

#[test]
fn time_only_goes_forward_and_stays_in_the_window() {
    let size = size(3, 30, 100);
    let events = events(size.clone());
    let times: Vec<_> = events
        .iter()
        .map(|event| time(&event["timestamp"]))
        .collect();
    assert!(times.is_sorted_by(|earlier, later| earlier < later));
    assert!(times[0] >= size.ends_at - chrono::TimeDelta::days(size.days.into()));
    assert!(*times.last().unwrap() < size.ends_at);
    for (event, at) in events.iter().zip(times) {
        let Some(call) = event["payload"].get("call") else {
            continue;
        };
        let seconds = call["stats"]["duration"].as_f64().unwrap();
        let begun = time(&call["createdAt"]);
        assert!(((at - begun).as_seconds_f64() - seconds).abs() < 0.01);
        let lines = call["transcript"].as_array().unwrap();
        let said: Vec<_> = lines.iter().map(|line| time(&line["createdAt"])).collect();
        assert!(begun <= said[0] && said.is_sorted() && *said.last().unwrap() < at);
        let each = seconds / f64::from(u32::try_from(lines.len()).unwrap());
        assert!((3.0..20.0).contains(&each), "{each} s a line");
    }
}

#[test]
fn calls_are_counted_exactly_and_have_twenty_to_three_hundred_lines() {
    let events = events(size(2, 20, 300));
    let calls = calls(&events);
    assert_eq!(calls.len(), 300);
    let mut with_two = 0;
    for call in calls {
        let lines = call["transcript"].as_array().unwrap();
        assert!((20..=300).contains(&lines.len()), "{}", lines.len());
        let prospects = texts(&call["prospectIds"]);
        with_two += usize::from(prospects.len() == 2);
        for (at, line) in lines.iter().enumerate() {
            match line["prospectId"].as_str() {
                None => assert_eq!((at % 2, &line["speakerName"]), (0, &call["user"]["name"])),
                Some(id) => {
                    let place = prospects
                        .iter()
                        .position(|prospect| *prospect == id)
                        .unwrap();
                    assert_eq!(
                        (at % 2, &line["speakerName"]),
                        (1, &call["prospects"][place]["name"])
                    );
                }
            }
            let text = line["prospectText"].as_str().unwrap();
            assert!(
                !text.contains("  ") && !text.contains(['{', '}']) && text.ends_with(['.', '?']),
                "{text}"
            );
        }
    }
    assert!((10..90).contains(&with_two), "{with_two}");
}

#[test]
fn an_analysis_lists_what_was_said() {
    let events = events(size(3, 20, 200));
    let mut analyses = 0;
    for call in calls(&events) {
        let spoken = spoken(call).join("\n");
        let occurs = |text: &str| spoken.to_lowercase().contains(&text.to_lowercase());
        for analysis in call["analysis"].as_array().unwrap() {
            analyses += 1;
            assert!(!texts(&analysis["objections"]).is_empty());
            for list in [
                "objections",
                "competitors",
                "customerChallenges",
                "dealDrivers",
            ] {
                assert!(
                    texts(&analysis[list])
                        .iter()
                        .all(|text| spoken.contains(text)),
                    "{list}: {analysis}"
                );
            }
            for list in ["actionItems", "products", "productPositioning"] {
                assert!(
                    texts(&analysis[list]).iter().all(|text| occurs(text)),
                    "{list}: {analysis}"
                );
            }
            let score = analysis["score"].as_f64().unwrap();
            assert!((0.0..=100.0).contains(&score));
        }
    }
    assert!((230..320).contains(&analyses), "{analyses}");
}

#[test]
fn streaks_grow_and_the_longest_is_kept() {
    let events = events(size(1, 8, 120));
    let mut longest: HashMap<&str, u64> = HashMap::new();
    for user in of_type(&events, "user.updated")
        .into_iter()
        .map(|event| &event["payload"]["user"])
    {
        let (streak, best) = (
            user["streak"].as_u64().unwrap(),
            user["longestStreak"].as_u64().unwrap(),
        );
        let before = longest.entry(user["id"].as_str().unwrap()).or_default();
        assert!(streak <= best && *before <= best);
        *before = best;
    }
    assert!(longest.values().any(|best| *best >= 5), "{longest:?}");
}

#[test]
fn users_leave_return_and_change_teams_but_were_created_once() {
    let events = events(size(3, 120, 200));
    let mut created: HashMap<&str, &Value> = HashMap::new();
    let mut deleted: HashSet<&str> = HashSet::new();
    let mut team: HashMap<&str, (&Value, &Value)> = HashMap::new();
    let (mut left, mut returned, mut moved) = (0, 0, 0);
    for event in &events {
        let payload = &event["payload"];
        let Some(user) = payload
            .get("user")
            .or_else(|| payload.get("call").map(|call| &call["user"]))
        else {
            continue;
        };
        let id = user["id"].as_str().unwrap();
        match event["type"].as_str().unwrap() {
            "user.created" => assert!(created.insert(id, &user["createdAt"]).is_none()),
            "user.deleted" => {
                left += 1;
                deleted.insert(id);
            }
            "user.updated" => returned += usize::from(deleted.remove(id)),
            _ => assert!(!deleted.contains(id), "a deleted user practises"),
        }
        assert_eq!(time(created[id]), time(&user["createdAt"]));
        let now = (&user["teamId"], &user["managerId"]);
        moved += usize::from(
            team.insert(id, now)
                .is_some_and(|before| before.0 != now.0 && before.1 != now.1),
        );
    }
    assert_eq!(created.len(), 120);
    assert!(
        left >= 5 && returned >= 1 && moved >= 5,
        "{left} left, {returned} returned, {moved} moved"
    );
    assert_eq!(of_type(&events, "org.deleted").len(), 1);
}

#[test]
fn odd_sizes_still_have_every_call_and_every_user() {
    for (orgs, users, calls, days) in [
        (0, 0, 0, 0),
        (5, 1, 3, 1),
        (3, 30, 9, 1),
        (3, 40, 5, 2),
        (1, 2, 20, 3),
    ] {
        for seed in 0..10 {
            let events = events(Size {
                seed,
                days,
                ..size(orgs, users, calls)
            });
            let count = |event_type| of_type(&events, event_type).len();
            assert_eq!(count("call.completed"), calls);
            assert_eq!(count("user.created"), users.max(1));
            assert!(count("org.updated") >= orgs.max(1));
        }
    }
}

#[test]
fn practice_raises_scores() {
    let events = events(size(1, 5, 400));
    let scores: Vec<f64> = calls(&events)
        .iter()
        .map(|call| call["analysis"][0]["score"].as_f64().unwrap())
        .collect();
    let mean = |scores: &[f64]| {
        scores.iter().sum::<f64>() / f64::from(u32::try_from(scores.len()).unwrap())
    };
    let (first, last) = (mean(&scores[..100]), mean(&scores[300..]));
    assert!(last > first + 3.0, "{first} then {last}");
}

#[test]
fn two_calls_seldom_share_a_line() {
    let events = events(size(2, 10, 200));
    let calls: Vec<HashSet<&str>> = calls(&events)
        .into_iter()
        .map(|call| spoken(call).into_iter().collect())
        .collect();
    let (mut pairs, mut sharing) = (0_u32, 0_u32);
    for (place, call) in calls.iter().enumerate() {
        for other in &calls[place + 1..] {
            pairs += 1;
            sharing += u32::from(!call.is_disjoint(other));
        }
    }
    let share = f64::from(sharing) / f64::from(pairs);
    assert!(share < 0.01, "{sharing} of {pairs} pairs share a line");
}
