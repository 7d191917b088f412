//! Requests that look like the hostile ones and are none.

use serde_json::{Value, json};

use super::table::{deep, nested};

/// Each is answered.
pub(super) fn harmless() -> Vec<(&'static str, Value)> {
    let long = 1_000_000;
    let call = "query ($id: ID!) { call(id: $id) { id } }";
    vec![
        (
            "a long comment",
            json!({ "query": format!("{{ __typename }} # {}", "x".repeat(long)) }),
        ),
        (
            "many comments",
            json!({ "query": format!("{{ {} __typename }}", "# x\n".repeat(200_000)) }),
        ),
        (
            "many commas",
            json!({ "query": format!("{{ __typename {} }}", ",".repeat(long)) }),
        ),
        (
            "a long string",
            json!({ "query": format!("{{ call(id: \"{}\") {{ id }} }}", "x".repeat(long)) }),
        ),
        (
            "brackets in a string",
            json!({ "query": format!("{{ call(id: \"{}\") {{ id }} }}", "[{(".repeat(1_000)) }),
        ),
        (
            "a long variable",
            json!({ "query": call, "variables": { "id": "x".repeat(long) } }),
        ),
        (
            "a null byte in a variable",
            json!({ "query": call, "variables": { "id": "a\u{0}b" } }),
        ),
        (
            "a null byte, escaped",
            json!({ "query": "{ call(id: \"a\\u0000b\") { id } calls(filter: { userId: [\"\\u0000\"] }) { totalCount } }" }),
        ),
        (
            "a null byte in a text",
            json!({ "query": "{ call(id: \"a\u{0}b\") { id } calls(filter: { userId: [\"\u{0}\"] }) { totalCount } }" }),
        ),
        (
            "half a surrogate pair, escaped",
            json!({ "query": call, "variables": { "id": "\u{fffd}" } }),
        ),
        (
            "variables that nothing uses",
            json!({ "query": "{ __typename }", "variables": { "a": deep(100), "b": vec![1; 100_000] } }),
        ),
        (
            "fields that repeat",
            json!({ "query": format!("{{{}}}", " __typename".repeat(9_000)) }),
        ),
        (
            "selections as deep as is allowed",
            json!({ "query": nested("{ status {", "... {", 61, "head", "}") + "}}" }),
        ),
        (
            "a hundred aliases",
            json!({ "query": format!("{{{}}}", (0..100).fold(String::new(), |all, n| all + &format!(" a{n}: __typename"))) }),
        ),
    ]
}
