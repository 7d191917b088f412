//! A small disk: a file system in memory, that a test fills up and makes room on again.
//!
//! It takes root to mount one. Where the tests may not, [`SmallDisk::mount`] says so on standard error and gives none: what needs
//! it is left out.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A mounted disk. It is taken away when it is dropped, even from a process that still uses it.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// A disk of so many bytes, as the folder `folder`.
    pub fn mount(folder: &Path, bytes: u64) -> Option<Self> {
        fs::create_dir_all(folder).expect("a folder");
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={bytes},mode=0700"),
                "tmpfs",
            ])
            .arg(folder)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            let folder = folder.to_owned();
            return Some(Self { folder });
        }
        // Past the capture of a test's output: that a test was left out has to be seen.
        let _ = writeln!(
            io::stderr(),
            "LEFT OUT: a test of a full disk, since these tests may not mount one (they are not root)"
        );
        None
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn ballast_file(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    fn ballast(&self) -> File {
        let mut options = File::options();
        let opened = options.create(true).append(true).open(self.ballast_file());
        opened.expect("a file")
    }

    /// Takes so many bytes of it, or whatever is left if that is less.
    pub fn take(&self, bytes: usize) {
        let mut file = self.ballast();
        let mut left = bytes;
        while left > 0 {
            let part = left.min(4096);
            match file.write(&[0; 4096][..part]) {
                Ok(written) => left -= written,
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return,
                Err(error) => panic!("the ballast cannot be written: {error}"),
            }
        }
    }

    /// Takes whatever is left.
    pub fn fill(&self) {
        self.take(usize::MAX);
    }

    /// Takes all but so many bytes.
    pub fn leave(&self, bytes: u64) {
        self.fill();
        let file = self.ballast();
        let taken = file.metadata().expect("a file").len();
        let rest = taken.checked_sub(bytes).expect("there was more room");
        file.set_len(rest).expect("it can be shortened");
    }

    /// Gives back all that was taken.
    pub fn make_room(&self) {
        fs::remove_file(self.ballast_file()).expect("there is ballast");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}
