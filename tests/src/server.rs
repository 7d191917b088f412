//! The real binary, started in a folder of its own on a port that is free.
//!
//! Invariants: no process and no folder of a test outlives it. [`Installation::on_store`] is the only place that knows on which
//! database a server runs.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::sender::client;
use crate::{Private, Route, Sender, postgres, until, within};

/// Where a server keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Files in the data folder.
    Sqlite,
    /// A database of its own in the tests' PostgreSQL cluster: its address.
    Postgres(String),
}

impl Backend {
    /// The database that this run of the tests is for: `HOOKGRAPH_TEST_DATABASE`, `sqlite` unless it says `postgres`.
    pub fn of_this_run() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the tests are their own edge")]
        match std::env::var("HOOKGRAPH_TEST_DATABASE").as_deref() {
            Ok("postgres") => Self::Postgres(postgres::shared().create_database()),
            Ok("sqlite") | Err(_) => Self::Sqlite,
            Ok(other) => panic!("HOOKGRAPH_TEST_DATABASE is sqlite or postgres, not {other}"),
        }
    }
}

/// A folder with its settings, in which servers are started one after the other.
#[derive(Debug)]
pub struct Installation {
    folder: TempDir,
    backend: Backend,
    /// The replica that answers queries, if there is one.
    read_url: Option<String>,
    /// The live secrets, the first one is used to send with. Without any the server makes its own.
    secrets: Vec<String>,
    /// How much is logged, if a test says so.
    log: Option<&'static str>,
    /// What must not be in its logs.
    private: Private,
    roles: Option<&'static str>,
    /// Further variables of its environment.
    variables: Vec<(&'static str, String)>,
    /// The soft limit of open files that it starts with, if not the test's own.
    open_files: Option<u64>,
    starts: usize,
}

/// What a command that ended by itself has said.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// A secret in Svix's form; another number, another secret.
pub fn secret(number: u8) -> String {
    format!("whsec_{}", STANDARD.encode([number; 24]))
}

/// The binary, beside the executable of whoever uses this: another binary, or a test, which lies in `deps` below it.
fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a process has an executable");
    let mut folders = own.ancestors().skip(1).take(2);
    let binary = folders.find_map(|folder| {
        let binary = folder.join("hookgraph");
        binary.is_file().then_some(binary)
    });
    binary.unwrap_or_else(|| {
        panic!(
            "there is no hookgraph beside {}: build it first: cargo build --workspace",
            own.display()
        )
    })
}

impl Default for Installation {
    fn default() -> Self {
        Self {
            folder: TempDir::with_prefix("hookgraph-test-").expect("a temporary folder"),
            backend: Backend::of_this_run(),
            read_url: None,
            secrets: vec![secret(1)],
            log: None,
            private: Private::default(),
            roles: None,
            variables: Vec::new(),
            open_files: None,
            starts: 0,
        }
    }
}

impl Installation {
    /// A fresh folder, and one secret that the test knows.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with these secrets; with none the server makes its own.
    #[must_use]
    pub fn with_secrets(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        self.secrets = secrets.into_iter().collect();
        self
    }

    /// The same, with logs as detailed as `HOOKGRAPH_LOG` says. Otherwise a server's has everything, so that each test also shows that
    /// nothing private is in it.
    #[must_use]
    pub fn with_log(mut self, level: &'static str) -> Self {
        self.log = Some(level);
        self
    }

    /// The same on SQLite, whatever this run of the tests is for: for what is about files.
    #[must_use]
    pub fn on_sqlite(mut self) -> Self {
        self.backend = Backend::Sqlite;
        self
    }

    /// The same on this database of PostgreSQL, whatever this run of the tests is for: for what several servers share.
    #[must_use]
    pub fn on_postgres(mut self, url: &str) -> Self {
        self.backend = Backend::Postgres(url.to_owned());
        self.private = Private::of_database(url);
        self
    }

    /// The same, with a replica of its database at this address that answers queries.
    #[must_use]
    pub fn reading_from(mut self, url: &str) -> Self {
        self.read_url = Some(url.to_owned());
        self
    }

    /// The same with these roles, as `--role` takes them.
    #[must_use]
    pub fn with_roles(mut self, roles: &'static str) -> Self {
        self.roles = Some(roles);
        self
    }

    /// The same with this variable in the environment, which is empty otherwise.
    #[must_use]
    pub fn with_variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// The same, with this soft limit of open files to start with, as `ulimit -Sn` sets it.
    #[must_use]
    pub fn with_open_files(mut self, soft: u64) -> Self {
        self.open_files = Some(soft);
        self
    }

    /// From the next start on it has these secrets; the first one is used to send with.
    pub fn rotate(&mut self, secrets: impl IntoIterator<Item = String>) {
        self.secrets = secrets.into_iter().collect();
    }

    /// The same with this password in the address of the database, if it has one. The cluster asks for none.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.private.add_secret(password);
        if let Backend::Postgres(url) = &mut self.backend {
            *url = url.replacen("postgres@", &format!("postgres:{password}@"), 1);
        }
        self
    }

    /// Where its data is.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The folder in which commands run; the data folder is `data` in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// The live secrets: those configured, else the one that the server keeps in its data folder.
    pub fn secrets(&self) -> Vec<String> {
        if !self.secrets.is_empty() {
            return self.secrets.clone();
        }
        let kept = self.data_dir().join("webhook-secret");
        let kept = fs::read_to_string(kept).expect("the server keeps its secret");
        vec![kept.trim().to_owned()]
    }

    /// `hookgraph` with these arguments, in the folder and with its settings; nothing of the environment reaches it.
    pub fn hookgraph<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = match self.open_files {
            None => Command::new(binary()),
            Some(soft) => {
                let mut shell = Command::new("/bin/sh");
                let run = format!("ulimit -Sn {soft} && exec \"$0\" \"$@\"");
                shell.args(["-c", &run]).arg(binary());
                shell
            }
        };
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("HOOKGRAPH_LOG", self.log.unwrap_or("info"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if !self.secrets.is_empty() {
            command.env("HOOKGRAPH_WEBHOOK_SECRET", self.secrets.join(","));
        }
        command
    }

    /// The same, and it knows the database: for the commands that read or fill it.
    pub fn on_store<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.hookgraph(arguments);
        if let Backend::Postgres(url) = &self.backend {
            command.env("HOOKGRAPH_DATABASE_URL", url);
        }
        command
    }

    /// Runs `hookgraph` with these arguments until it ends.
    pub async fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Finished {
        finish(&mut self.hookgraph(arguments)).await
    }

    /// Makes a token with these flags, and returns its text.
    pub async fn token(&self, flags: &[&str]) -> String {
        let create = [&["token", "create", "--name", "a test"], flags].concat();
        let mut command = self.on_store(create);
        let made = finish(command.env("HOOKGRAPH_LOG", "trace")).await;
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        let token = made.stdout.trim().to_owned();
        self.private.add_secret(&token);
        let secret = token.rsplit('_').next().unwrap_or(&token);
        assert!(!made.stderr.contains(secret), "a token is in a log");
        token
    }

    /// What must not be in its logs.
    pub fn private(&self) -> &Private {
        &self.private
    }

    /// Looks for what must not be there in the logs of all that was started here.
    fn look_for_what_is_private(&self) -> Result<(), String> {
        for secret in &self.secrets {
            self.private.add_secret(secret);
        }
        if let Ok(kept) = fs::read_to_string(self.data_dir().join("webhook-secret")) {
            self.private.add_secret(kept.trim());
        }
        let logs = (1..=self.starts).flat_map(|start| {
            ["stdout", "stderr"].map(|stream| self.folder().join(format!("{stream}-{start}")))
        });
        logs.into_iter()
            .try_for_each(|log| self.private.look_for(&log))
    }

    /// Starts a server, and waits until it says where it listens.
    pub async fn serve(self) -> Server {
        let mut server = Server {
            installation: self,
            client: client(),
            scheme: String::new(),
            address: String::new(),
            route: Route::default(),
            child: None,
        };
        server.start_again().await;
        server
    }

    /// `hookgraph serve` on any free port: for a start that fails.
    pub fn server(&self) -> Command {
        let mut command = self.on_store(["serve", "--listen", "127.0.0.1:0"]);
        if let Some(roles) = self.roles {
            command.env("HOOKGRAPH_ROLE", roles);
        }
        if let Some(url) = &self.read_url {
            command.env("HOOKGRAPH_READ_DATABASE_URL", url);
        }
        command
    }

    fn output(&self, stream: &str) -> PathBuf {
        self.folder().join(format!("{stream}-{}", self.starts))
    }
}

/// Runs a command until it ends.
pub async fn finish(command: &mut Command) -> Finished {
    let output = within("a command to end", command.output())
        .await
        .expect("the command starts");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Its folder and settings.
    pub installation: Installation,
    /// A client for what has no method here.
    pub client: Client,
    /// `http`, or `https` with a certificate.
    scheme: String,
    address: String,
    route: Route,
    child: Option<Child>,
}

impl Server {
    /// A server in a fresh folder.
    pub async fn start() -> Self {
        Installation::new().serve().await
    }

    /// Starts a server in the same folder, after the last one has ended.
    pub async fn start_again(&mut self) {
        assert!(self.child.is_none(), "the last server still runs");
        self.installation.starts += 1;
        // Files rather than pipes: they never fill up, and hold the last words of a server that is killed.
        let file = |stream| File::create(self.installation.output(stream)).expect("a file");
        let mut command = self.installation.server();
        if self.installation.log.is_none() {
            command.env("HOOKGRAPH_LOG", "trace");
        }
        let child = command
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("the server starts");
        let child = self.child.insert(child);
        let banner = self.installation.output("stdout");
        let address = until("the server says where it listens", async || {
            if let Some(status) = child.try_wait().expect("a child can be asked") {
                return Some(Err(status));
            }
            let banner = fs::read_to_string(&banner).ok()?;
            // This line follows all those with an address. A server that only projects has none.
            let (addresses, _) = banner.split_once("\n  Database ")?;
            let (before, behind) = addresses.split_once("://").unwrap_or_default();
            let scheme = before.rsplit(' ').next().unwrap_or_default().to_owned();
            let address = behind.split('/').next().unwrap_or_default().to_owned();
            Some(Ok((scheme, address)))
        })
        .await;
        (self.scheme, self.address) = address
            .unwrap_or_else(|status| panic!("the server ended with {status}: {}", self.output()));
        self.route.leads_to(&self.address);
    }

    /// The way to this server, however often it is started again.
    pub fn route(&self) -> Route {
        self.route.clone()
    }

    /// `127.0.0.1:<port>`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address of `path` on this server.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// A sender with the first live secret.
    pub fn sender(&self) -> Sender {
        let secrets = self.installation.secrets();
        Sender::new(&self.url("/webhooks/salesmagic"), &secrets[0])
            .telling(self.installation.private.clone())
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        let id = self.child.as_ref().and_then(Child::id);
        id.expect("the server runs")
    }

    /// All that the running server, or the last one, has written to standard output and standard error.
    pub fn output(&self) -> String {
        ["stdout", "stderr"]
            .map(|stream| {
                let bytes = fs::read(self.installation.output(stream)).unwrap_or_default();
                String::from_utf8_lossy(&bytes).into_owned()
            })
            .concat()
    }

    /// Asks it to stop (SIGTERM), and waits for its end.
    pub async fn stop(&mut self) -> ExitStatus {
        self.terminate().await;
        self.ended().await
    }

    /// Sends SIGTERM, and does not wait.
    pub async fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.process());
        let sent = finish(Command::new("sh").args(["-c", &kill])).await;
        assert_eq!(sent.code, Some(0), "{kill}: {}", sent.stderr);
    }

    /// Ends it at once (SIGKILL).
    pub async fn kill(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("the server runs");
        child.start_kill().expect("it can be killed");
        self.ended().await
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the server runs");
        within("the server to end", child.wait())
            .await
            .expect("a child can be waited for")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.start_kill();
            // Until it has ended it may still write, and its folder could not be removed.
            while let Ok(None) = child.try_wait() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if std::thread::panicking() {
            eprintln!("--- the server said:\n{}---", self.output());
            return;
        }
        if let Err(found) = self.installation.look_for_what_is_private() {
            panic!("{found}");
        }
    }
}
