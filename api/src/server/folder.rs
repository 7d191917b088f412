//! The data folder: made when it is not there, and held by one server at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// A folder that this process holds until it ends.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// The operating system gives the lock back when the process ends, however it ends.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if need be, without taking hold of it.
    pub fn make(path: &Path) -> anyhow::Result<()> {
        // Whoever can read the folder can read every transcript.
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(path).with_context(|| {
            format!(
                "cannot make the data folder {}: choose another with --data-dir or HOOKGRAPH_DATA_DIR",
                path.display()
            )
        })
    }

    /// Makes the folder if need be, and takes hold of it.
    pub fn claim(path: &Path) -> anyhow::Result<Self> {
        Self::make(path)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .with_context(|| {
                format!(
                    "cannot write in the data folder {}: allow it, or choose another with --data-dir or HOOKGRAPH_DATA_DIR",
                    path.display()
                )
            })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder writes its number right after it has taken hold; a moment earlier there is none.
                let _ = lock.read_to_string(&mut holder);
                bail!(
                    "the data folder {} is in use by another Hookgraph server (process {}): stop that one, or choose another folder with --data-dir",
                    path.display(),
                    holder.trim()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).context("cannot lock the data folder");
            }
        }
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
