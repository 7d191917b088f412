//! The documents that the operator trusts, from a folder: an allow-list.
//!
//! Each `*.graphql` and `*.gql` file is one document, named by the SHA-256 of its text, as it stands there or without the white space
//! around it, which many tools cut off. A `*.json` file is a manifest, as
//! client tools write it: Apollo's (`"format": "apollo-persisted-query-manifest"`, with `operations` of `id` and `body`), or GraphQL
//! Code Generator's `persisted-documents.json` (an object of documents by their ids). Subfolders are read too.
//!
//! Invariant: every document can be named by its SHA-256 whatever else it is called, and no id stands for two.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_graphql::{
    Name, Request, ServerError, Value, Variables,
    parser::types::{BaseType, ExecutableDocument, OperationDefinition},
};
use serde::Deserialize;

use super::{
    super::{EdgeLimits, document},
    hex_of, without_prefix,
};

/// The format that Apollo's manifests name.
const APOLLO: &str = "apollo-persisted-query-manifest";

/// Documents that may be executed.
#[derive(Debug, Default)]
pub struct Trusted {
    by_id: HashMap<String, Arc<str>>,
    texts: HashSet<Arc<str>>,
}

/// Why a folder of trusted documents cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustedError {
    /// A file or the folder cannot be read.
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// There is nothing in it.
    #[error("there is no *.graphql, *.gql or *.json file in {}", .0.display())]
    Empty(PathBuf),
    /// A manifest is neither of the two kinds.
    #[error("{}: this is neither Apollo's manifest nor an object of documents by their ids: {reason}", .file.display())]
    NotAManifest {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A document that this server could not execute.
    #[error("{}{}: {reason}", .place, .line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Invalid {
        /// The file, and in a manifest the id.
        place: String,
        /// Where in the document.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// An id that two documents have.
    #[error("two documents have the id {0}")]
    Twice(String),
}

/// A document of the folder: where it stands, its id if it has one beside its hash, and its text.
struct Found {
    place: String,
    id: Option<String>,
    text: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Manifest {
    Apollo {
        format: String,
        version: u32,
        operations: Vec<Operation>,
    },
    Map(BTreeMap<String, String>),
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    body: String,
}

impl Trusted {
    /// Reads a folder. `check` says whether an operation of a document fits the schema, with these variables.
    pub fn read(
        folder: &Path,
        limits: &EdgeLimits,
        check: impl Fn(ExecutableDocument, Option<&str>, Variables) -> Result<(), Vec<ServerError>>,
    ) -> Result<Self, TrustedError> {
        let mut found = Vec::new();
        for file in files(folder)? {
            read_file(&file, &mut found)?;
        }
        if found.is_empty() {
            return Err(TrustedError::Empty(folder.to_owned()));
        }
        for document in &found {
            check_document(&document.text, limits, &check).map_err(|error| {
                TrustedError::Invalid {
                    place: document.place.clone(),
                    line: error.locations.first().map(|at| at.line),
                    reason: error.message,
                }
            })?;
        }
        Self::of(found.into_iter().map(|found| (found.id, found.text)))
    }

    /// Documents, some with an id beside their hash.
    pub(super) fn of(
        documents: impl IntoIterator<Item = (Option<String>, String)>,
    ) -> Result<Self, TrustedError> {
        let mut trusted = Self::default();
        for (id, text) in documents {
            let text: Arc<str> = text.into();
            let hashes = [hex_of(&text), hex_of(text.trim())];
            for id in hashes.into_iter().chain(id) {
                let id = without_prefix(&id).to_owned();
                let before = trusted.by_id.insert(id.clone(), Arc::clone(&text));
                if before.is_some_and(|before| before != text) {
                    return Err(TrustedError::Twice(id));
                }
            }
            trusted.texts.insert(text.trim().into());
        }
        Ok(trusted)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.texts.len()
    }

    /// The document of an id.
    pub(super) fn named(&self, id: &str) -> Option<&Arc<str>> {
        self.by_id.get(id)
    }

    /// The document of this very text.
    pub(super) fn exactly(&self, text: &str) -> Option<&Arc<str>> {
        self.texts.get(text.trim())
    }
}

/// The files of a folder and of those in it, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, TrustedError> {
    let unreadable = |error| TrustedError::Unreadable(folder.to_owned(), error);
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        // A link to a folder is not followed: it could lead round in circles.
        if entry.file_type().map_err(unreadable)?.is_dir() {
            files.extend(self::files(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn read_file(file: &Path, found: &mut Vec<Found>) -> Result<(), TrustedError> {
    let kind = file.extension().and_then(|kind| kind.to_str());
    if !matches!(kind, Some("graphql" | "gql" | "json")) {
        return Ok(());
    }
    let text = fs::read_to_string(file)
        .map_err(|error| TrustedError::Unreadable(file.to_owned(), error))?;
    if kind != Some("json") {
        found.push(Found {
            place: file.display().to_string(),
            id: None,
            text,
        });
        return Ok(());
    }
    let not_a_manifest = |reason: String| TrustedError::NotAManifest {
        file: file.to_owned(),
        reason,
    };
    let manifest =
        serde_json::from_str(&text).map_err(|error| not_a_manifest(error.to_string()))?;
    let documents = match manifest {
        Manifest::Apollo {
            format,
            version: 1,
            operations,
        } if format == APOLLO => operations
            .into_iter()
            .map(|operation| (operation.id, operation.body))
            .collect(),
        Manifest::Apollo {
            format, version, ..
        } => {
            return Err(not_a_manifest(format!(
                "its format is {format}, version {version}"
            )));
        }
        Manifest::Map(documents) => documents,
    };
    found.extend(documents.into_iter().map(|(id, text)| Found {
        place: format!("{}, document {id}", file.display()),
        id: Some(id),
        text,
    }));
    Ok(())
}

/// The first thing that is wrong with a document.
fn check_document(
    text: &str,
    limits: &EdgeLimits,
    check: impl Fn(ExecutableDocument, Option<&str>, Variables) -> Result<(), Vec<ServerError>>,
) -> Result<(), ServerError> {
    let first = |errors: Vec<ServerError>| {
        let error = errors.into_iter().next();
        error.unwrap_or_else(|| ServerError::new("it is refused", None))
    };
    let mut request = Request::new(text);
    let document = document::parse(&mut request, limits)
        .map_err(first)?
        .clone();
    for (name, operation) in document.operations.iter() {
        document::check_operation(&operation.node).map_err(first)?;
        let variables = numbers(&operation.node);
        let name = name.map(Name::as_str);
        check(document.clone(), name, variables).map_err(first)?;
    }
    Ok(())
}

/// A value for every number that an operation demands. Pages are as long as numbers say, so without them no cost can be reckoned.
fn numbers(operation: &OperationDefinition) -> Variables {
    let demanded = operation.variable_definitions.iter().filter(|definition| {
        let of_type = &definition.node.var_type.node;
        let is_number = matches!(&of_type.base, BaseType::Named(name) if name == "Int");
        is_number && !of_type.nullable && definition.node.default_value.is_none()
    });
    let mut variables = Variables::default();
    for definition in demanded {
        variables.insert(definition.node.name.node.clone(), Value::from(1));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let file = folder.path().join(name);
            let parent = file.parent().expect("it is in the folder");
            fs::create_dir_all(parent).expect("a folder");
            fs::write(file, text).expect("a file");
        }
        folder
    }

    fn read(files: &[(&str, &str)]) -> Result<Trusted, String> {
        let folder = folder(files);
        let fits = |_: ExecutableDocument, _: Option<&str>, _: Variables| Ok(());
        Trusted::read(folder.path(), &EdgeLimits::default(), fits).map_err(|error| {
            let text = error.to_string();
            text.replace(&folder.path().display().to_string(), "DIR")
        })
    }

    #[test]
    fn a_folder_holds_documents_and_manifests() {
        let trusted = read(&[
            ("a.graphql", "{a}\n"),
            ("below/b.gql", "query A{a} query B{b}"),
            ("README.md", "not a document"),
            (
                "apollo.json",
                r#"{"format":"apollo-persisted-query-manifest","version":1,
                    "operations":[{"id":"one","name":"C","type":"query","body":"query C{c}"}]}"#,
            ),
            (
                "persisted-documents.json",
                r#"{"b0ae":"query D{d}","sha256:e1":"query E{e}","again":"{a}\n"}"#,
            ),
        ])
        .expect("a good folder");
        assert_eq!(trusted.count(), 5);
        for (id, text) in [
            ("one", "query C{c}"),
            ("b0ae", "query D{d}"),
            ("e1", "query E{e}"),
            ("again", "{a}\n"),
            // printf 'query C{c}' | sha256sum
            (
                "f908cbdbb385b1db6a1f8995bbe3e8d1771b165955d0f7b3573929a3d3f30d39",
                "query C{c}",
            ),
        ] {
            assert_eq!(trusted.named(id).map(|text| &**text), Some(text), "{id}");
        }
        assert!(trusted.exactly("{a}\n").is_some());
        assert!(trusted.exactly("{a}").is_some());
        assert!(trusted.exactly("{ a }").is_none());
        assert!(trusted.named(&hex_of("{a}")).is_some());
        assert!(trusted.named("two").is_none());
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (files, told) in [
            (&[][..], "there is no *.graphql"),
            (&[("a.txt", "{a}")], "there is no *.graphql"),
            (&[("a.graphql", "{a}\n{")], "DIR/a.graphql, line 2:"),
            (&[("a.graphql", "fragment f on Q {a}")], "DIR/a.graphql"),
            (
                &[("a.graphql", "subscription {a b}")],
                "a.graphql: A subscription has one field",
            ),
            (&[("a.graphql", "{...f} fragment f on Q {...f}")], "itself"),
            (&[("m.json", "[]")], "DIR/m.json: this is neither"),
            (&[("m.json", r#"{"a":1}"#)], "DIR/m.json: this is neither"),
            (
                &[("m.json", r#"{"format":"x","version":1,"operations":[]}"#)],
                "its format is x, version 1",
            ),
            (
                &[("m.json", r#"{"one":"{"}"#)],
                "DIR/m.json, document one, line 1",
            ),
            (
                &[("m.json", r#"{"a":"{a}"}"#), ("n.json", r#"{"a":"{b}"}"#)],
                "two documents have the id a",
            ),
        ] {
            let error = read(files).expect_err(told);
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn each_operation_is_checked_with_numbers_where_it_demands_them() {
        let folder = folder(&[(
            "a.graphql",
            "query A($n: Int! $m: Int $s: String! $d: Int! = 3) {a} query B {b}",
        )]);
        let asked = std::cell::RefCell::new(Vec::new());
        let check = |_, name: Option<&str>, variables: Variables| {
            let variables = serde_json::to_string(&variables).expect("JSON");
            asked.borrow_mut().push(format!("{name:?} {variables}"));
            Ok(())
        };
        let trusted = Trusted::read(folder.path(), &EdgeLimits::default(), check);
        assert_eq!(trusted.expect("a document").count(), 1);
        let mut asked = asked.into_inner();
        asked.sort();
        assert_eq!(asked, [r#"Some("A") {"n":1}"#, r#"Some("B") {}"#]);
        let refuse = |_: ExecutableDocument, _: Option<&str>, _: Variables| {
            let at = async_graphql::Pos { line: 7, column: 1 };
            Err(vec![ServerError::new("no such field", Some(at))])
        };
        let error = Trusted::read(folder.path(), &EdgeLimits::default(), refuse);
        let error = error.expect_err("a refusal").to_string();
        assert!(
            error.ends_with("a.graphql, line 7: no such field"),
            "{error}"
        );
    }
}
