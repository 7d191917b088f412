//! A PostgreSQL cluster of the tests' own, thrown away when the test process ends, however it ends.
//!
//! It listens on a socket in its folder and on no port. PostgreSQL refuses to run as root, so as root it runs as `nobody`.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Debian's `nobody`, whom every machine has.
const NOBODY: u32 = 65534;

/// How long the cluster may take to start.
const START_WITHIN: Duration = Duration::from_secs(30);

/// A running cluster. It ends when its guardian's standard input does, which the process that started it holds.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    guardian: Child,
}

/// The cluster that the tests of this process share, started when the first of them asks for it.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start("-c fsync=off -c full_page_writes=off"))
}

/// A folder for a cluster, and who runs it.
struct Home {
    folder: PathBuf,
    as_nobody: bool,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("hookgraph-pg-")
            .tempdir()
            .expect("a temporary folder")
            .keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
            .expect("the folder is ours");
        let as_nobody = fs::metadata("/proc/self")
            .expect("a process has an owner")
            .uid()
            == 0;
        if as_nobody {
            chown(&folder, Some(NOBODY), Some(NOBODY)).expect("root may give a folder away");
        }
        Self { folder, as_nobody }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("LC_ALL", "C.UTF-8")
            .env("PATH", "/usr/bin:/bin")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if self.as_nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Runs the cluster whose data is in the folder `data`.
    fn run(self, options: &str) -> Cluster {
        // The shell stops and starts the cluster as its input says, and stops it for good at its end, which comes when this
        // process ends.
        let guard = format!(
            "start() {{ {} -D data -k {} -c listen_addresses= -c max_connections=500 {options} >>log 2>&1 & }}
            start
            while read asked; do case $asked in crash) kill -QUIT $!; wait;; restart) start;; esac; done
            kill -QUIT $!; wait; rm -rf {}",
            binary("postgres").display(),
            self.folder.display(),
            self.folder.display()
        );
        let guardian = self
            .command(Path::new("/bin/sh"))
            .args(["-c", &guard])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell runs");
        let cluster = Cluster {
            folder: self.folder,
            guardian,
        };
        cluster.wait_until_ready();
        cluster
    }
}

impl Cluster {
    /// Starts a cluster with these further options of `postgres`.
    pub fn start(options: &str) -> Self {
        let home = Home::new();
        let made = home
            .command(&binary("initdb"))
            .args(["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"])
            .args(["--locale=C.UTF-8", "-N"])
            .status()
            .expect("initdb runs");
        assert!(made.success(), "initdb failed");
        home.run(options)
    }

    /// Starts a hot standby that streams from `primary`, with these further options of `postgres`. Its replication slot makes
    /// the primary keep what a standby that is stopped has not received.
    pub(crate) fn standby_of(primary: &Self, options: &str) -> Self {
        let home = Home::new();
        let copied = home
            .command(&binary("pg_basebackup"))
            .args(["-D", "data", "-U", "postgres", "-h"])
            .arg(&primary.folder)
            .args([
                "-R", "-X", "stream", "-C", "-S", "standby", "-c", "fast", "-N",
            ])
            .status()
            .expect("pg_basebackup runs");
        assert!(copied.success(), "pg_basebackup failed");
        home.run(options)
    }

    /// The address in this cluster of the database that has the address `url` in another one.
    pub(crate) fn url_here(&self, url: &str) -> String {
        let (database, _) = url.split_once("?host=").expect("a socket's folder");
        format!("{database}?host={}", self.folder.display())
    }

    /// The folder of its data.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn wait_until_ready(&self) {
        let start = Instant::now();
        loop {
            if self.is_ready() {
                return;
            }
            assert!(
                start.elapsed() < START_WITHIN,
                "PostgreSQL did not start: {}",
                fs::read_to_string(self.folder.join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_ready(&self) -> bool {
        let pid_file = fs::read_to_string(self.pid_file());
        pid_file.is_ok_and(|text| {
            let state = text.lines().nth(7);
            state.is_some_and(|line| line.trim() == "ready")
        })
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("data/postmaster.pid")
    }

    /// Ends the cluster at once, as a crash does: nothing is finished, and the next start recovers from the journal.
    pub fn crash(&mut self) {
        self.ask("crash");
        let start = Instant::now();
        while self.pid_file().exists() {
            assert!(start.elapsed() < START_WITHIN, "PostgreSQL did not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts the cluster again after [`Self::crash`], on the same data.
    pub fn restart(&mut self) {
        self.ask("restart");
        self.wait_until_ready();
    }

    fn ask(&mut self, what: &str) {
        let input = self.guardian.stdin.as_mut().expect("a pipe");
        writeln!(input, "{what}").expect("the guardian listens");
    }

    /// The address of a database in this cluster that no one else has.
    pub fn create_database(&self) -> String {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let mut name = format!("hookgraph_{}", std::process::id());
        let _ = write!(name, "_{}", CREATED.fetch_add(1, Ordering::Relaxed));
        let created = Command::new(binary("createdb"))
            .args([
                "-h",
                &self.folder.display().to_string(),
                "-U",
                "postgres",
                &name,
            ])
            .status()
            .expect("createdb runs");
        assert!(created.success(), "createdb failed");
        format!(
            "postgres://postgres@localhost/{name}?host={}",
            self.folder.display()
        )
    }
}

/// A program of PostgreSQL: on the PATH, or where Debian puts them.
pub fn binary(name: &str) -> PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut debian: Vec<PathBuf> = versions
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    debian.sort();
    // The real programs before wrappers of the same name.
    debian.reverse();
    debian.append(&mut folders);
    debian
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("there is no {name}: `make test` installs PostgreSQL"))
}
