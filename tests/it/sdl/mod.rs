//! Rules for the schema: everything in it is described, what is deprecated says what to use, and what breaks clients of the last
//! release is named in the changelog. `docs/schema-changes.md` tells clients what they may rely on.

mod compare;

use std::fs;
use std::path::Path;

use tests::Installation;

use self::compare::{Items, breaking, items};

/// The words that every description of a deprecation that says nothing has.
const SAYS_NOTHING: &str = "No longer supported";

fn read(file: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The schema of the binary.
async fn schema() -> Items {
    let finished = Installation::new().run(["schema"]).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    items(&finished.stdout)
}

/// The part of the changelog that tells what the next release brings.
fn unreleased(changelog: &str) -> &str {
    let (_, behind) = changelog
        .split_once("\n## Unreleased\n")
        .expect("a section `## Unreleased`");
    behind
        .split_once("\n## ")
        .map_or(behind, |(section, _)| section)
}

/// What is breaking and not named in the changelog.
fn unnamed(broken: Vec<(String, String)>, changelog: &str) -> Vec<String> {
    let section = unreleased(changelog);
    let unnamed = broken
        .into_iter()
        .filter(|(name, _)| !section.contains(&format!("`{name}`")));
    unnamed
        .map(|(name, why)| format!("`{name}` {why}"))
        .collect()
}

#[tokio::test]
async fn every_item_of_the_schema_is_described() {
    let items = schema().await;
    assert!(items.len() > 300, "{}", items.len());
    let bare: Vec<&str> = items
        .iter()
        // GraphQL's own; it describes them itself.
        .filter(|(name, _)| !name.starts_with('@'))
        .filter(|(_, item)| {
            item.description
                .as_deref()
                .is_none_or(|text| text.trim().is_empty())
        })
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(bare.is_empty(), "without a description: {bare:?}");
}

#[tokio::test]
async fn what_is_deprecated_says_what_to_use() {
    let items = schema().await;
    let silent: Vec<&str> = items
        .iter()
        .filter(|(_, item)| {
            item.deprecated
                .as_deref()
                .is_some_and(|reason| reason.trim().is_empty() || reason == SAYS_NOTHING)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(silent.is_empty(), "deprecated without a reason: {silent:?}");
}

#[tokio::test]
async fn what_breaks_clients_of_the_last_release_is_named_in_the_changelog() {
    let released = items(&read("docs/schema.released.graphql"));
    let broken = breaking(&released, &schema().await);
    let unnamed = unnamed(broken, &read("CHANGELOG.md"));
    assert!(
        unnamed.is_empty(),
        "these break clients of the last release (docs/schema.released.graphql): keep them and deprecate them instead, or name each, \
         in backticks, in CHANGELOG.md below `## Unreleased` (docs/schema-changes.md tells how):\n{}",
        unnamed.join("\n")
    );
}

#[test]
fn a_change_that_is_not_named_is_found() {
    let broken = || {
        let old = items("type Q { a: Int b: Int c(x: Int): Int }");
        breaking(&old, &items("type Q { c: Int }"))
    };
    let log = |named: &str| {
        format!("# Changelog\n\n## Unreleased\n\n- Gone: {named}.\n\n## 0.1.0\n\n- `Q.b`\n")
    };
    assert_eq!(
        unnamed(broken(), &log("`Q.a`, `Q.c(x:)`")),
        ["`Q.b` is gone"]
    );
    assert_eq!(unnamed(broken(), &log("nothing")).len(), 3);
    let none: [&str; 0] = [];
    assert_eq!(unnamed(broken(), &log("`Q.a`, `Q.b`, `Q.c(x:)`")), none);
}
