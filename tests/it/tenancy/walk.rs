//! Queries for every field of the schema, with every argument, made from the schema itself.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::Value;
use tests::Server;

use super::world::{MINE, OTHERS};

/// Asks for all that a query can be made of.
const INTROSPECTION: &str = "{ __schema { queryType { name } types { kind name
    fields { name type { ...t } args { name defaultValue type { ...t } } }
    inputFields { name defaultValue type { ...t } }
    enumValues { name } possibleTypes { name } } } }
    fragment t on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// How deep filters are put into filters.
const FILTERS: usize = 1;

/// One of so many values is tried where an argument is as elsewhere.
const SOME: usize = 8;

/// What the server says of its schema.
pub struct Schema {
    types: HashMap<String, Value>,
    /// Cursors of pages, whosever rows they are of.
    cursors: Vec<String>,
}

fn texts<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The type below lists and `!`.
fn named(of: &Value) -> &str {
    if of["ofType"].is_null() {
        texts(of, "name")
    } else {
        named(&of["ofType"])
    }
}

fn is_required(argument: &Value) -> bool {
    argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null()
}

impl Schema {
    /// Reads it, and the cursors of all lists as `server` gives them to whoever asks without hindrance.
    pub async fn of(server: &Server) -> Self {
        let answer = server.graphql(INTROSPECTION, Value::Null).await;
        let types = list(&answer["__schema"]["types"]).iter();
        let mut schema = Self {
            types: types
                .map(|one| (texts(one, "name").to_owned(), one.clone()))
                .collect(),
            cursors: Vec::new(),
        };
        for field in schema.fields("Query").to_vec() {
            let required = list(&field["args"]).iter().any(is_required);
            if required || !named(&field["type"]).ends_with("Connection") {
                continue;
            }
            let name = texts(&field, "name");
            let answer = server
                .graphql(
                    &format!("{{ {name} {{ edges {{ cursor }} }} }}"),
                    Value::Null,
                )
                .await;
            let edges = list(&answer[name]["edges"]);
            // The first, one in the middle, and the last.
            for at in [0, edges.len() / 2, edges.len().saturating_sub(1)] {
                schema
                    .cursors
                    .extend(edges.get(at).map(|edge| texts(edge, "cursor").to_owned()));
            }
        }
        schema.cursors.dedup();
        schema
    }

    fn fields(&self, of: &str) -> &[Value] {
        list(&self.types[of]["fields"])
    }

    fn kind(&self, of: &str) -> &str {
        texts(&self.types[of], "kind")
    }

    fn is_leaf(&self, of: &str) -> bool {
        matches!(self.kind(of), "SCALAR" | "ENUM")
    }

    /// Everything of a type, so many objects deep. The connections and edges of lists do not count.
    pub fn selection(&self, of: &str, depth: usize) -> String {
        self.selected(of, depth, "")
    }

    fn selected(&self, of: &str, depth: usize, prefix: &str) -> String {
        if self.kind(of) == "UNION" {
            let possible = list(&self.types[of]["possibleTypes"]).iter();
            let fragments = possible.map(|one| {
                let name = texts(one, "name");
                // Fields of the same name are of different types.
                let selected = self.selected(name, depth, &format!("of{name}"));
                format!("... on {name} {{ {selected} }}")
            });
            return "__typename ".to_owned() + &fragments.collect::<Vec<_>>().join(" ");
        }
        let is_list = of.ends_with("Connection") || of.ends_with("Edge");
        let mut selected = vec!["__typename".to_owned()];
        for field in self.fields(of) {
            if list(&field["args"]).iter().any(is_required) {
                continue;
            }
            let (name, below) = (texts(field, "name"), named(&field["type"]));
            let alias = if prefix.is_empty() {
                String::new()
            } else {
                format!("{prefix}_{name}: ")
            };
            if self.is_leaf(below) {
                selected.push(format!("{alias}{name}"));
            } else if below.ends_with("Edge") {
                // Their rows are the nodes.
                selected.push(format!("{alias}{name} {{ cursor node {{ __typename }} }}"));
            } else if is_list || depth > 0 {
                // A list's rows are as deep as the list.
                let deeper = if is_list { depth } else { depth - 1 };
                let inner = self.selected(below, deeper, "");
                selected.push(format!("{alias}{name} {{ {inner} }}"));
            }
        }
        selected.join(" ")
    }

    /// The same schema without fields of this name.
    pub fn without(mut self, name: &str) -> Self {
        for one in self.types.values_mut() {
            if let Some(fields) = one["fields"].as_array_mut() {
                fields.retain(|field| texts(field, "name") != name);
            }
        }
        self
    }

    /// A query of each field of the root, as deep as that, for something of mine and something of another.
    pub fn deep(&self, depth: usize) -> Vec<String> {
        let mut documents = Vec::new();
        for field in self.fields("Query") {
            let (name, below) = (texts(field, "name"), named(&field["type"]));
            for arguments in self.asked_deep(field) {
                let selection = self.selection(below, depth);
                documents.push(format!("{{ {name}{arguments} {{ {selection} }} }}"));
            }
        }
        documents
    }

    fn asked_deep(&self, field: &Value) -> Vec<String> {
        let of = |mine: &str, other: &str| [mine, other].map(|given| format!("({given})")).to_vec();
        match texts(field, "name") {
            "org" => of(&format!("id: {MINE:?}"), &format!("id: {:?}", OTHERS[0])),
            "user" => of("id: \"user-aardvark-1\"", "id: \"user-quokka-0\""),
            "call" => of("id: \"call-aardvark-0-0\"", "id: \"call-walrus-1-0\""),
            "transcript" => of(
                "callId: \"call-aardvark-0-0\"",
                "callId: \"call-walrus-1-0\"",
            ),
            "prospect" => {
                let of_org = |org| format!("id: \"prospect-1\", orgId: {org:?}");
                of(&of_org(MINE), &of_org(OTHERS[1]))
            }
            "event" => (1..12)
                .map(|position| format!("(position: {position})"))
                .collect(),
            "searchTranscripts" => of("query: \"hello\"", "query: \"quokka\""),
            _ => self.required(field).into_iter().take(3).collect(),
        }
    }

    /// A query for each argument of each field: for those of lists at the root with each value that is tried, for others with some of them,
    /// elsewhere with others.
    pub fn arguments(&self) -> Vec<String> {
        let mut documents = Vec::new();
        let mut place = 0;
        for (of, before, after) in self.ways() {
            for field in self.fields(&of) {
                let arguments = list(&field["args"]);
                let Some(required) = self.required(field).into_iter().next() else {
                    continue;
                };
                let below = named(&field["type"]);
                let selection = if self.is_leaf(below) {
                    String::new()
                } else {
                    let depth = match below {
                        "SearchResultConnection" => 1,
                        list if list.ends_with("Connection") => 0,
                        _ => 2,
                    };
                    format!("{{ {} }}", self.selection(below, depth))
                };
                let is_list = of == "Query" && below.ends_with("Connection");
                let step = if is_list { 1 } else { SOME };
                for argument in arguments {
                    let name = texts(argument, "name");
                    place += 1;
                    let values = self.values(argument, FILTERS);
                    for value in values
                        .iter()
                        .skip(place % step.min(values.len().max(1)))
                        .step_by(step)
                    {
                        let given = with(&required, name, value);
                        let field = texts(field, "name");
                        documents.push(format!("{before} {field}{given} {selection} {after}"));
                    }
                }
            }
        }
        documents
    }

    /// For each type that can be reached: what stands before and behind its selection.
    fn ways(&self) -> Vec<(String, String, String)> {
        let mut seen = HashSet::from(["Query".to_owned()]);
        let mut ways = vec![("Query".to_owned(), "{".to_owned(), "}".to_owned())];
        let mut next: VecDeque<_> = ways.clone().into();
        while let Some((of, before, after)) = next.pop_front() {
            for field in self.fields(&of) {
                let below = named(&field["type"]).to_owned();
                let Some(required) = self.required(field).into_iter().next() else {
                    continue;
                };
                if self.kind(&below) != "OBJECT" || !seen.insert(below.clone()) {
                    continue;
                }
                let name = texts(field, "name");
                let way = (
                    below,
                    format!("{before} {name}{required} {{"),
                    format!("}} {after}"),
                );
                ways.push(way.clone());
                next.push_back(way);
            }
        }
        ways
    }

    /// The ways to give a field what it must be given, in parentheses; one that is empty if it needs nothing.
    fn required(&self, field: &Value) -> Vec<String> {
        let mut ways = vec![String::new()];
        for argument in list(&field["args"]).iter().filter(|one| is_required(one)) {
            let name = texts(argument, "name");
            let values = self.values(argument, 0);
            ways = ways
                .iter()
                .flat_map(|way| values.iter().map(|value| with(way, name, value)))
                .collect();
        }
        ways
    }

    fn values(&self, argument: &Value, filters: usize) -> Vec<String> {
        let name = texts(argument, "name");
        if matches!(name, "after" | "before") && named(&argument["type"]) == "String" {
            return self
                .cursors
                .iter()
                .map(|cursor| format!("{cursor:?}"))
                .collect();
        }
        self.values_of(&argument["type"], filters)
    }

    fn values_of(&self, of: &Value, filters: usize) -> Vec<String> {
        match texts(of, "kind") {
            "NON_NULL" => self.values_of(&of["ofType"], filters),
            "LIST" => {
                let each = self.values_of(&of["ofType"], filters);
                let mut lists: Vec<_> = each.iter().map(|value| format!("[{value}]")).collect();
                if named(of) == "ID" {
                    lists.push(format!("[{}]", each.join(", ")));
                }
                lists
            }
            "ENUM" => {
                let values = list(&self.types[named(of)]["enumValues"]).iter();
                values
                    .map(|value| texts(value, "name").to_owned())
                    .collect()
            }
            "INPUT_OBJECT" => self.inputs(named(of), filters),
            _ => scalars(named(of)),
        }
    }

    fn inputs(&self, of: &str, filters: usize) -> Vec<String> {
        let fields = list(&self.types[of]["inputFields"]);
        let required: Vec<_> = fields
            .iter()
            .filter(|field| is_required(field))
            .map(|field| {
                let value = self.values(field, 0).swap_remove(0);
                format!("{}: {value}", texts(field, "name"))
            })
            .collect();
        let mut inputs = Vec::new();
        for field in fields {
            let name = texts(field, "name");
            let below = named(&field["type"]);
            let is_same = below == of;
            if is_same && filters == 0 {
                continue;
            }
            let deeper = if is_same { filters - 1 } else { filters };
            // Within each other a few are enough.
            let most = if is_same { 40 } else { usize::MAX };
            for value in self.values(field, deeper).into_iter().take(most) {
                let others = required
                    .iter()
                    .filter(|one| !one.starts_with(&format!("{name}:")));
                let mut all: Vec<_> = others.cloned().collect();
                all.push(format!("{name}: {value}"));
                inputs.push(format!("{{ {} }}", all.join(", ")));
            }
        }
        inputs
    }
}

/// `arguments`, in parentheses or empty, with one more.
fn with(arguments: &str, name: &str, value: &str) -> String {
    let others = arguments.trim_start_matches('(').trim_end_matches(')');
    if others.is_empty() {
        format!("({name}: {value})")
    } else {
        format!("({others}, {name}: {value})")
    }
}

/// Values of mine, of the others, of all and of nobody.
fn scalars(of: &str) -> Vec<String> {
    let quoted = |texts: &[&str]| texts.iter().map(|text| format!("{text:?}")).collect();
    match of {
        "ID" => quoted(&[
            MINE,
            OTHERS[0],
            "user-aardvark-0",
            "user-aardvark-1",
            "user-quokka-0",
            "call-aardvark-0-0",
            "call-walrus-1-0",
            "prospect-1",
            "team-1",
            "manager-1",
            "nobody",
        ]),
        "String" => quoted(&[
            "user aardvark 0",
            "user quokka 0",
            "mailbox.aardvark0@example.com",
            "mailbox.quokka0@example.com",
            "type-quokka",
            "industry walrus",
            "hard",
            "objection of all",
            "objection of quokka",
            "call.completed",
            "msg_0",
            "msg_3",
            "msg_5",
        ]),
        "SearchText" => quoted(&["tamarind", "quokka", "hello -walrus", "aardvark OR quokka"]),
        "Int" => quoted_numbers(&["1", "5", "100"]),
        "Float" => quoted_numbers(&["1.0", "50.0", "60.0"]),
        "Position" => quoted_numbers(&["1", "4", "20", "1000"]),
        "Boolean" => quoted_numbers(&["true", "false"]),
        "DateTime" => quoted(&[
            "2025-01-06T00:00:00Z",
            "2025-02-15T00:00:00Z",
            "2025-03-01T00:00:00Z",
        ]),
        "TimeZone" => quoted(&["America/New_York"]),
        other => panic!("no values of {other} are tried"),
    }
}

fn quoted_numbers(numbers: &[&str]) -> Vec<String> {
    numbers.iter().map(|number| (*number).to_owned()).collect()
}
