//! What must hold of the schema as a whole.

use futures_util::FutureExt;
use serde_json::Value;

use super::builder;

/// The schema by introspection.
fn types() -> Vec<Value> {
    let query = "{ __schema { types { name description
        fields { name description args { name description } }
        inputFields { name description }
        enumValues { name description } } } }";
    let schema = builder().finish();
    // Introspection waits for nothing.
    let response = schema.execute(query).now_or_never().unwrap();
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    let schema = response.data.into_json().unwrap();
    schema["__schema"]["types"].as_array().unwrap().clone()
}

/// Everything below `item` that has a name, with where it stands.
fn named(item: &Value, place: &str, found: &mut Vec<(String, Value)>) {
    let place = format!("{place}{}", item["name"].as_str().unwrap_or_default());
    for below in ["fields", "args", "inputFields", "enumValues"] {
        for child in item[below].as_array().into_iter().flatten() {
            named(child, &format!("{place}."), found);
        }
    }
    found.push((place, item["description"].clone()));
}

#[test]
fn everything_is_described() {
    let mut found = Vec::new();
    for item in types() {
        let name = item["name"].as_str().unwrap();
        // GraphQL describes its own scalars.
        let is_ours = !name.starts_with("__") && name != "ID";
        if is_ours {
            named(&item, "", &mut found);
        }
    }
    assert!(found.len() > 200, "{}", found.len());
    let bare: Vec<&String> = found
        .iter()
        .filter(|(_, description)| {
            description
                .as_str()
                .is_none_or(|text| text.trim().is_empty())
        })
        .map(|(place, _)| place)
        .collect();
    assert!(bare.is_empty(), "without description: {bare:?}");
}

#[test]
fn the_root_is_read_only() {
    assert!(
        !types()
            .iter()
            .any(|item| item["name"] == "Mutation" || item["name"] == "EmptyMutation")
    );
}
