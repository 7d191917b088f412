//! Where tests in this process keep stores of their own, on the database that this run of the tests is for.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ingest::database::Location;
use tempfile::TempDir;

use crate::Backend;

/// Stores by name, each as good as alone: a folder, or a database of PostgreSQL.
#[derive(Debug)]
pub struct Places {
    folder: TempDir,
    databases: Mutex<HashMap<String, Backend>>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            databases: Mutex::default(),
        }
    }
}

impl Places {
    /// No stores yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The stores called `name`, opened anew.
    pub async fn named(&self, name: &str) -> Location {
        match self.backend(name) {
            Backend::Sqlite => {
                let folder = self.folder_of(name);
                fs::create_dir_all(&folder).expect("a folder");
                Location::Sqlite(folder)
            }
            Backend::Postgres(url) => Location::postgres(&url).await.expect("a database"),
        }
    }

    /// The address of the log called `name`, for a client that is not ours.
    pub fn url(&self, name: &str) -> String {
        match self.backend(name) {
            Backend::Sqlite => {
                format!("sqlite://{}", self.folder_of(name).join("log.db").display())
            }
            Backend::Postgres(url) => url,
        }
    }

    fn folder_of(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn backend(&self, name: &str) -> Backend {
        let mut databases = self
            .databases
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        databases
            .entry(name.to_owned())
            .or_insert_with(Backend::of_this_run)
            .clone()
    }
}
