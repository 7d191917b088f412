//! The signing secrets of the webhook: configured, or made once and kept in the data folder.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ingest::signature::Secret;
use rand::RngCore;

use super::DataFolder;
use crate::config::SECRET_FILE;

/// Where the secrets come from.
pub enum Secrets {
    /// From the configuration.
    Configured(Vec<String>),
    /// From the data folder.
    Kept {
        /// The secret.
        secret: String,
        /// The file that keeps it.
        file: PathBuf,
        /// Whether it was made just now.
        new: bool,
    },
}

impl Secrets {
    /// The configured secrets; without any, the one in the data folder, which is made if it is not there.
    pub fn find(configured: &[String], folder: Option<&DataFolder>) -> anyhow::Result<Self> {
        let Some(folder) = folder.filter(|_| configured.is_empty()) else {
            return Ok(Self::Configured(configured.to_vec()));
        };
        let file = folder.path().join(SECRET_FILE);
        let failed = || format!("cannot use the secret in {}", file.display());
        match fs::read_to_string(&file) {
            Ok(text) => {
                let secret = text.trim().to_owned();
                Secret::parse(&secret).with_context(failed)?;
                Ok(Self::Kept {
                    secret,
                    file,
                    new: false,
                })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut key = [0; 32];
                rand::rng().fill_bytes(&mut key);
                let secret = format!("whsec_{}", STANDARD.encode(key));
                let mut options = OpenOptions::new();
                options.write(true).create_new(true).mode(0o600);
                let mut kept = options.open(&file).with_context(failed)?;
                writeln!(kept, "{secret}").with_context(failed)?;
                kept.sync_all().with_context(failed)?;
                Ok(Self::Kept {
                    secret,
                    file,
                    new: true,
                })
            }
            Err(error) => Err(error).with_context(failed),
        }
    }

    /// The secrets, ready to verify with.
    pub fn parse(&self) -> anyhow::Result<Vec<Secret>> {
        let texts = match self {
            Self::Configured(texts) => texts.as_slice(),
            Self::Kept { secret, .. } => std::slice::from_ref(secret),
        };
        Ok(texts
            .iter()
            .map(|text| Secret::parse(text))
            .collect::<Result<_, _>>()?)
    }
}
