//! The parameters of a GraphQL request, from JSON or from a query string.
//!
//! Invariant: what gets past here is a well-formed request in the sense of GraphQL over HTTP: `query` is text,
//! `operationName` text, `variables` and `extensions` objects; `null` is the same as absent.

use std::collections::HashMap;

use async_graphql::{Extensions, Name, Request, Value, Variables};
use axum::extract::Query;
use http::Uri;
use serde_json::{Map, Value as Json};

use crate::http::{
    Refusal,
    persisted::{Sent, without_prefix},
};

/// Where in `extensions` Apollo's clients name a document.
const PERSISTED_QUERY: &str = "persistedQuery";

/// What a client sends for one operation.
#[derive(Debug, Default, PartialEq)]
pub(in crate::http) struct Parameters {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Map<String, Json>,
    extensions: Map<String, Json>,
}

/// What an HTTP body holds.
#[derive(Debug, PartialEq)]
pub(super) enum Body {
    One(Parameters),
    Batch(Vec<Parameters>),
}

/// Reads an HTTP body, with at most `most` requests in it.
pub(super) fn read_body(bytes: &[u8], most: usize) -> Result<Body, Refusal> {
    let json = serde_json::from_slice(bytes).map_err(|error| {
        Refusal::malformed(format!(
            "The body is not JSON ({error}): send an object like {{\"query\":\"{{ __typename }}\"}}."
        ))
    })?;
    match json {
        Json::Array(requests) if requests.is_empty() => Err(Refusal::malformed(
            "The batch is empty: send at least one request.",
        )),
        Json::Array(requests) if requests.len() > most => Err(Refusal::malformed(format!(
            "The batch has {} requests: send at most {most}.",
            requests.len()
        ))),
        Json::Array(requests) => requests
            .into_iter()
            .map(Parameters::from_json)
            .collect::<Result<_, _>>()
            .map(Body::Batch),
        json => Parameters::from_json(json).map(Body::One),
    }
}

impl Parameters {
    /// From the object of a POST or of a `subscribe` message. Names that the specification does not know are ignored.
    pub(in crate::http) fn from_json(json: Json) -> Result<Self, Refusal> {
        let Json::Object(mut object) = json else {
            return Err(Refusal::malformed(
                "A request is a JSON object: send {\"query\":\"{ __typename }\"}.",
            ));
        };
        Ok(Self {
            query: text(&mut object, "query")?,
            document_id: text(&mut object, "documentId")?,
            operation_name: text(&mut object, "operationName")?,
            variables: map(object.remove("variables"), "variables")?,
            extensions: map(object.remove("extensions"), "extensions")?,
        })
    }

    /// From the query string of a GET, where `variables` and `extensions` are JSON.
    pub(super) fn from_query_string(uri: &Uri) -> Result<Self, Refusal> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| {
            Refusal::malformed("The query string cannot be decoded: percent-encode it.")
        })?;
        let mut given = HashMap::new();
        for (name, value) in pairs {
            if given.insert(name.clone(), value).is_some() {
                return Err(Refusal::malformed(format!(
                    "The parameter {name:?} is given twice: send it once."
                )));
            }
        }
        let mut json = |name: &str| match given.remove(name).filter(|value| !value.is_empty()) {
            None => Ok(Map::new()),
            Some(value) => serde_json::from_str(&value)
                .map_err(|error| {
                    Refusal::malformed(format!(
                        "{name} is not JSON ({error}): send an object, percent-encoded."
                    ))
                })
                .and_then(|json| map(Some(json), name)),
        };
        Ok(Self {
            variables: json("variables")?,
            extensions: json("extensions")?,
            query: given.remove("query"),
            document_id: given.remove("documentId").filter(|id| !id.is_empty()),
            operation_name: given.remove("operationName"),
        })
    }

    /// The request for the schema, and the name of its document if it has one.
    pub(in crate::http) fn into_sent(self) -> Result<Sent, Refusal> {
        let hash = match self.extensions.get(PERSISTED_QUERY) {
            None | Some(Json::Null) => None,
            Some(persisted) => Some(hash(persisted)?),
        };
        if let (Some(hash), Some(id)) = (&hash, &self.document_id)
            && hash != without_prefix(id)
        {
            return Err(Refusal::malformed(
                "documentId and extensions.persistedQuery name two documents: send one of them.",
            ));
        }
        let document_id = self.document_id.or(hash);
        if self.query.is_none() && document_id.is_none() {
            return Err(Refusal::malformed(
                "There is no query: send one as \"query\", in a POST body of type application/json or in a GET's query string.",
            ));
        }
        let mut request = Request::new(self.query.unwrap_or_default());
        // An empty name is how a query string says that there is none.
        request.operation_name = self.operation_name.filter(|name| !name.is_empty());
        request.variables = Variables::from_value(Value::Object(
            values(self.variables)?
                .map(|(name, value)| (Name::new(name), value))
                .collect(),
        ));
        request.extensions = Extensions(values(self.extensions)?.collect());
        Ok(Sent {
            request,
            document_id,
        })
    }

    /// Whether it says what to execute.
    pub(in crate::http) fn has_document(&self) -> bool {
        self.query.is_some()
            || self.document_id.is_some()
            || self.extensions.contains_key(PERSISTED_QUERY)
    }
}

/// The hash in Apollo's extension.
fn hash(persisted: &Json) -> Result<String, Refusal> {
    let version = persisted.get("version").and_then(Json::as_u64);
    match persisted.get("sha256Hash") {
        Some(Json::String(hash)) if version == Some(1) => Ok(hash.clone()),
        _ => Err(Refusal::malformed(
            "extensions.persistedQuery cannot be read: send {\"version\":1,\"sha256Hash\":\"…\"}, with the SHA-256 of the query in hex.",
        )),
    }
}

fn values(map: Map<String, Json>) -> Result<impl Iterator<Item = (String, Value)>, Refusal> {
    map.into_iter()
        .map(|(name, json)| match Value::from_json(json) {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(Refusal::malformed(format!(
                "The value of {name:?} cannot be read: send plain JSON."
            ))),
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Vec::into_iter)
}

fn text(object: &mut Map<String, Json>, name: &str) -> Result<Option<String>, Refusal> {
    match object.remove(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong_type(name, &other, "text")),
    }
}

fn map(json: Option<Json>, name: &str) -> Result<Map<String, Json>, Refusal> {
    match json {
        None | Some(Json::Null) => Ok(Map::new()),
        Some(Json::Object(map)) => Ok(map),
        Some(other) => Err(wrong_type(name, &other, "an object")),
    }
}

fn wrong_type(name: &str, found: &Json, expected: &str) -> Refusal {
    let found = match found {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    };
    Refusal::malformed(format!("{name} is {found}: send {expected}."))
}

#[cfg(test)]
mod fuzz;
