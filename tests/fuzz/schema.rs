//! Where a filter can stand, as the server's own schema tells it, and filters that are valid there.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use tests::Server;
use tests::fuzz::json::Values;

const INTROSPECTION: &str = "{ __schema { types { kind name
    fields { name args { name defaultValue type { ...T } } type { ...T } }
    inputFields { name type { ...T } }
    enumValues { name } } } }
fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The argument that is looked for.
const FILTER: &str = "filter";

/// How deep a valid filter has others within it.
const LEVELS: usize = 2;

/// A list, or a report, that takes a filter.
#[derive(Debug)]
pub struct Place {
    /// The query, whose variable is `filter`.
    pub query: String,
    /// Filters that fit.
    pub filters: Values,
}

/// All of them.
pub async fn places(server: &Server) -> Vec<Place> {
    let schema = Schema::of(server).await;
    let mut places = Vec::new();
    let mut parents: HashMap<&str, &str> = HashMap::new();
    for root in schema.fields("Query") {
        places.extend(schema.place(root, "{ # }"));
        if schema.demands(root).is_empty()
            && let Some(node) = schema.node(named(&root["type"]))
        {
            parents.entry(node).or_insert_with(|| text(&root["name"]));
        }
    }
    for (node, root) in parents {
        let around = format!("{{ {root}(first: 3) {{ nodes {{ # }} }} }}");
        let fields = schema.fields(node).iter();
        places.extend(fields.filter_map(|field| schema.place(field, &around)));
    }
    // A map has another order in each run.
    places.sort_by(|one, other| one.query.cmp(&other.query));
    places
}

/// The types by their names.
struct Schema(HashMap<String, Value>);

impl Schema {
    async fn of(server: &Server) -> Self {
        let mut told = server.graphql(INTROSPECTION, json!({})).await;
        let Value::Array(types) = told["__schema"]["types"].take() else {
            panic!("no types: {told}");
        };
        let types = types.into_iter();
        Self(types.map(|of| (text(&of["name"]).to_owned(), of)).collect())
    }

    fn fields(&self, of: &str) -> &[Value] {
        list(&self.0[of]["fields"])
    }

    /// The field, if it takes a filter, in a query in which `#` stands for it.
    fn place(&self, field: &Value, around: &str) -> Option<Place> {
        let filter = list(&field["args"])
            .iter()
            .find(|argument| argument["name"] == FILTER)?;
        let of = &filter["type"];
        let demands = self.demands(field).join(" ");
        let asked = format!(
            "{}({FILTER}: $filter {demands}) {}",
            text(&field["name"]),
            self.selection(named(&field["type"]), 2)
        );
        Some(Place {
            query: format!(
                "query ($filter: {}) {}",
                written(of),
                around.replace('#', &asked)
            ),
            filters: Values::new(self.filters(named(of))),
        })
    }

    /// The arguments that a field must have, with values.
    fn demands(&self, field: &Value) -> Vec<String> {
        let arguments = list(&field["args"]).iter().filter(|argument| {
            let must = argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null();
            // A trend demands one of two, which the schema cannot say.
            must || argument["name"] == "userId"
        });
        let written = arguments.map(|argument| {
            let of = named(&argument["type"]);
            let value = match self.value(&argument["type"], LEVELS) {
                Value::String(name) if self.0[of]["kind"] == "ENUM" => name,
                value => value.to_string(),
            };
            format!("{}: {value}", text(&argument["name"]))
        });
        written.collect()
    }

    /// The type of the nodes, if this is a list that has pages.
    fn node(&self, of: &str) -> Option<&str> {
        let mut fields = list(&self.0[of]["fields"]).iter();
        let nodes = fields.find(|field| field["name"] == "nodes")?;
        Some(named(&nodes["type"]))
    }

    /// All that can be asked without arguments, so many levels down.
    fn selection(&self, of: &str, levels: usize) -> String {
        let mut selected = vec!["__typename".to_owned()];
        for field in self.fields(of) {
            let (name, inner) = (text(&field["name"]), named(&field["type"]));
            if !list(&field["args"]).is_empty() {
                continue;
            }
            match text(&self.0[inner]["kind"]) {
                "SCALAR" | "ENUM" => selected.push(name.to_owned()),
                "OBJECT" if levels > 1 => {
                    let below = self.selection(inner, levels - 1);
                    selected.push(format!("{name} {below}"));
                }
                _ => {}
            }
        }
        format!("{{ {} }}", selected.join(" "))
    }

    /// Filters of this type: with nothing, with each of the fields, with all of them.
    fn filters(&self, of: &str) -> Vec<Value> {
        let Value::Object(all) = self.object(of, LEVELS) else {
            return Vec::new();
        };
        let single = all.iter().map(|(name, value)| {
            let fields = [(name.clone(), value.clone())];
            Value::Object(fields.into_iter().collect())
        });
        let mut filters: Vec<Value> = single.collect();
        filters.push(json!({}));
        filters.push(Value::Object(all));
        filters
    }

    fn object(&self, of: &str, levels: usize) -> Value {
        let mut fields = Map::new();
        for field in list(&self.0[of]["inputFields"]) {
            let inner = named(&field["type"]);
            if levels > 0 || self.0[inner]["kind"] != "INPUT_OBJECT" {
                let value = self.value(&field["type"], levels);
                fields.insert(text(&field["name"]).to_owned(), value);
            }
        }
        Value::Object(fields)
    }

    /// A value of a type that takes one.
    fn value(&self, of: &Value, levels: usize) -> Value {
        match text(&of["kind"]) {
            "NON_NULL" => self.value(&of["ofType"], levels),
            "LIST" => json!([self.value(&of["ofType"], levels)]),
            "INPUT_OBJECT" => self.object(named(of), levels.saturating_sub(1)),
            "ENUM" => list(&self.0[named(of)]["enumValues"])[0]["name"].clone(),
            _ => match named(of) {
                "Boolean" => json!(true),
                "Float" => json!(1.5),
                "Int" | "Position" => json!(1),
                "DateTime" => json!("2025-01-14T05:19:20Z"),
                "TimeZone" => json!("Europe/Berlin"),
                "String" | "ID" | "SearchText" => json!("string"),
                other => panic!("no value of the type {other} is known"),
            },
        }
    }
}

/// The name of a type, whatever lists and promises are around it.
fn named(of: &Value) -> &str {
    if of["ofType"].is_object() {
        return named(&of["ofType"]);
    }
    text(&of["name"])
}

/// A type as a document writes it.
fn written(of: &Value) -> String {
    match text(&of["kind"]) {
        "NON_NULL" => format!("{}!", written(&of["ofType"])),
        "LIST" => format!("[{}]", written(&of["ofType"])),
        _ => text(&of["name"]).to_owned(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
