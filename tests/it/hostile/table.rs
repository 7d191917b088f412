//! The table of hostile queries: what is sent, with which code it is refused, and a part of what the client is told.

use std::fmt::Write;

use serde_json::{Value, json};

/// A request that is refused.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) payload: Value,
    pub(super) code: &'static str,
    /// A part of the message.
    pub(super) told: &'static str,
}

fn case(
    name: &'static str,
    query: impl Into<String>,
    code: &'static str,
    told: &'static str,
) -> Case {
    with(name, query, &json!({}), code, told)
}

fn with(
    name: &'static str,
    query: impl Into<String>,
    variables: &Value,
    code: &'static str,
    told: &'static str,
) -> Case {
    Case {
        name,
        payload: json!({ "query": query.into(), "variables": variables }),
        code,
        told,
    }
}

/// Fragments that each spread the next one twice.
fn doubling(fragments: usize) -> String {
    let mut query = String::from("{ ...f0 } ");
    for n in 0..fragments {
        let _ = write!(
            query,
            "fragment f{n} on Query {{ ...f{0} ...f{0} }} ",
            n + 1
        );
    }
    query + &format!("fragment f{fragments} on Query {{ __typename }}")
}

/// `open` so many times within itself.
pub(super) fn nested(before: &str, open: &str, times: usize, middle: &str, close: &str) -> String {
    format!(
        "{before}{}{middle}{}",
        open.repeat(times),
        close.repeat(times)
    )
}

pub(super) const BAD: &str = "BAD_USER_INPUT";
const COST: &str = "COST_LIMIT";

/// So many aliases of a field.
fn aliases(count: usize, field: &str) -> String {
    let mut query = String::from("{");
    for n in 0..count {
        let _ = write!(query, " a{n}: {field}");
    }
    query + "}"
}

/// What is refused before it is executed, or in the one field that it asks for.
pub(super) fn documents() -> Vec<Case> {
    let groups = [
        sizes(),
        repetitions(),
        introspection_and_directives(),
        nonsense(),
        values(),
    ];
    groups.into_iter().flatten().collect()
}

/// Documents that are large, one way or the other.
fn sizes() -> Vec<Case> {
    let below = |times| nested("{ call(id: 1) {", "transcript { call {", times, "id", "}}") + "}}";
    vec![
        case("deep", below(14), COST, "levels where 20 are allowed"),
        case("deeper", below(40), COST, "nests too deep"),
        case(
            "deepest",
            "{a".repeat(100_000),
            BAD,
            "deeper than 128 brackets",
        ),
        case(
            "brackets in an argument",
            format!("{{ call(id: {}", "[".repeat(300_000)),
            BAD,
            "deeper than 128 brackets",
        ),
        case(
            "wide",
            format!("{{{}}}", " __typename".repeat(20_000)),
            BAD,
            "more than 10000 tokens",
        ),
        case(
            "wide pages",
            format!(
                "{{{}}}",
                " calls(first: 100) { nodes { title } }".repeat(900)
            ),
            BAD,
            "more than 10000 tokens",
        ),
        case(
            "costly",
            "{ orgs(first: 100) { nodes { users(first: 100) { nodes { calls(first: 100) { nodes { id } } } } } } }",
            COST,
            "smaller pages",
        ),
        case(
            "a count over and over",
            format!("{{{}}}", " calls(first: 1) { totalCount }".repeat(800)),
            COST,
            "has 799 aliases and repeated fields",
        ),
        case(
            "fields that are not there",
            aliases(100, "nothing"),
            BAD,
            "nothing",
        ),
        case(
            "thousands of fields that are not there",
            format!("{{{}}}", " nothing".repeat(9_000)),
            BAD,
            "nothing",
        ),
    ]
}

/// The same again and again, and fragments that grow.
fn repetitions() -> Vec<Case> {
    let costly = "callReport(groupBy: [DAY]) { total { calls } }";
    vec![
        case(
            "aliases of a costly field",
            aliases(500, costly),
            COST,
            "has 500 aliases",
        ),
        case(
            "thousands of aliases",
            aliases(3_000, costly),
            BAD,
            "tokens",
        ),
        case(
            "aliases in a fragment",
            format!(
                "{{{}}} fragment f on Query {aliases}",
                " ...f".repeat(100),
                aliases = aliases(20, "__typename")
            ),
            COST,
            "has 2000 aliases",
        ),
        case(
            "a fragment of itself",
            "{ ...a } fragment a on Query { __typename ...a }",
            BAD,
            "spreads itself",
        ),
        case(
            "fragments in a ring",
            "{ ...a } fragment a on Query { ...b } fragment b on Query { ...c } fragment c on Query { ...a }",
            BAD,
            "spreads itself",
        ),
        case(
            "fragments doubling",
            doubling(30),
            COST,
            "with its fragments written out",
        ),
        case(
            "fragments doubling a thousand times",
            doubling(800),
            COST,
            "nests too deep",
        ),
        case(
            "a fragment that is not there",
            "{ ...nowhere }",
            BAD,
            "nowhere",
        ),
    ]
}

/// The schema over and over, and directives.
fn introspection_and_directives() -> Vec<Case> {
    vec![
        case(
            "introspection of types of types",
            nested("{ __schema { types {", "fields { type {", 7, "name", "}}") + "}}}",
            COST,
            "of introspection",
        ),
        case(
            "introspection by fragments",
            "{ __schema { types { ...a } } } fragment a on __Type { fields { type { ...b } } possibleTypes { ...b } interfaces { ...b } } fragment b on __Type { fields { args { type { ...c } } } } fragment c on __Type { fields { type { fields { name description } } } }",
            COST,
            "of introspection",
        ),
        case(
            "introspection over and over",
            format!(
                "{{{}}}",
                " __schema { types { fields { name args { name } } } }".repeat(100)
            ),
            COST,
            "of introspection",
        ),
        case(
            "introspection of nothing, deep",
            nested("{ __type(name: \"Call\")", "{ ofType", 30, "{ name }", "}") + "}",
            COST,
            "levels where 20 are allowed",
        ),
        case(
            "directives in one place",
            format!("{{ __typename {} }}", "@skip(if: false) ".repeat(1_000)),
            BAD,
            "1000 directives in one place",
        ),
        case(
            "directives everywhere",
            format!("{{{}}}", " __typename @include(if: true)".repeat(1_000)),
            COST,
            "has 1000 directives",
        ),
        case(
            "a directive twice",
            "{ __typename @skip(if: false) @skip(if: false) }",
            BAD,
            "is there twice",
        ),
        case(
            "directives that are not there",
            format!("{{ status {{{}}} }}", " head @nowhere".repeat(500)),
            BAD,
            "nowhere",
        ),
        case(
            "a directive without its argument",
            "{ __typename @include }",
            BAD,
            "has no condition",
        ),
    ]
}

/// What is no document, or not one operation.
fn nonsense() -> Vec<Case> {
    vec![
        case(
            "an unterminated string",
            "{ call(id: \"c) { id } }",
            BAD,
            "line 1, column",
        ),
        case(
            "an unterminated block string",
            "{ call(id: \"\"\"c) { id } }",
            BAD,
            "line 1, column",
        ),
        case(
            "brackets behind a block string that does not end",
            format!(
                "{{ call(id: [\"\"\"c\"{}1{}]) {{ id }} }}",
                "[".repeat(8_000),
                "]".repeat(8_000)
            ),
            BAD,
            "line 1, column 13: the block string",
        ),
        case(
            "block strings that begin again and again, and do not end",
            format!(
                "{{ calls(filter: {{ id: [\"\"{}] }}) {{ totalCount }} }}",
                format!("\"{}\\\"\"\"\"", "a".repeat(80)).repeat(2_000)
            ),
            BAD,
            "the block string that begins there does not end",
        ),
        case("a null byte", "{ __typename \u{0} }", BAD, "line 1, column"),
        case("nothing", "", BAD, "line 1, column 1"),
        case(
            "a byte order mark and nothing",
            "\u{feff}",
            BAD,
            "line 1, column",
        ),
        case(
            "operations of one name",
            "query A { __typename } query A { __typename }",
            BAD,
            "A is defined twice",
        ),
        case(
            "operations without a name",
            "{ __typename } { __typename }",
            BAD,
            "opera",
        ),
        case(
            "many operations",
            (0..900).fold(String::new(), |all, n| {
                all + &format!("query Q{n} {{ __typename }} ")
            }),
            BAD,
            "operationName",
        ),
        case(
            "variables in a circle",
            "query ($a: Int = $b, $b: Int = $a) { calls(first: $a) { totalCount } }",
            BAD,
            "line 1, column",
        ),
        case(
            "a variable that is not declared",
            "{ calls(first: $n) { totalCount } }",
            BAD,
            "n",
        ),
    ]
}

/// Values that are too large, too many, or none.
fn values() -> Vec<Case> {
    vec![
        case(
            "a number beyond Int",
            "{ calls(first: 99999999999) { totalCount } }",
            BAD,
            "Int",
        ),
        case(
            "a number beyond everything",
            format!("{{ calls(first: {}) {{ totalCount }} }}", "9".repeat(5_000)),
            BAD,
            "out of range",
        ),
        case(
            "a negative page",
            "{ calls(first: -2147483648) { totalCount } }",
            BAD,
            "first",
        ),
        case(
            "a float beyond everything",
            "{ calls(filter: { score: { from: 1e999 } }) { totalCount } }",
            BAD,
            "",
        ),
        with(
            "a variable beyond Int",
            "query ($n: Int) { calls(first: $n) { totalCount } }",
            &json!({ "n": 99_999_999_999_i64 }),
            BAD,
            "Int",
        ),
        with(
            "a variable of another type",
            "query ($n: Int) { calls(first: $n) { totalCount } }",
            &json!({ "n": { "n": [[[1]]] } }),
            BAD,
            "Int",
        ),
        with(
            "a deep variable",
            "query ($f: CallFilter) { calls(filter: $f) { totalCount } }",
            &json!({ "f": { "nothing": deep(100) } }),
            BAD,
            "",
        ),
        with(
            "a hundred thousand ids",
            "query ($f: CallFilter) { calls(filter: $f) { totalCount } }",
            &json!({ "f": { "userId": vec!["x"; 100_000] } }),
            BAD,
            "",
        ),
        with(
            "a variable that is missing",
            "query ($id: ID!) { call(id: $id) { id } }",
            &json!({}),
            BAD,
            "\"$id\"",
        ),
        with(
            "filters within each other",
            "query ($f: CallFilter) { calls(filter: $f) { totalCount } }",
            &json!({ "f": (0..40).fold(json!({}), |inner, _| json!({ "and": [inner] })) }),
            BAD,
            "levels within each other",
        ),
        with(
            "a thousand filters",
            "query ($f: CallFilter) { calls(filter: $f) { totalCount } }",
            &json!({ "f": { "or": vec![json!({}); 1_000] } }),
            BAD,
            "less than or equal to 100",
        ),
        case(
            "ids in an argument",
            format!(
                "{{ calls(filter: {{ userId: [{}] }}) {{ totalCount }} }}",
                "\"x\" ".repeat(1_001)
            ),
            BAD,
            "",
        ),
        case(
            "more ids in an argument",
            format!(
                "{{ calls(filter: {{ userId: [{}] }}) {{ totalCount }} }}",
                "\"x\" ".repeat(20_000)
            ),
            BAD,
            "send lists as variables",
        ),
        case("a mutation", "mutation { anything }", BAD, ""),
        case(
            "a subscription with two fields",
            "subscription { a: eventFeed { cursor } b: eventFeed { cursor } }",
            BAD,
            "has one field",
        ),
    ]
}

/// So many lists within each other.
pub(super) fn deep(times: usize) -> Value {
    (0..times).fold(json!(1), |inner, _| json!([inner]))
}
