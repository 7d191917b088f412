//! A log with its writer, and as many read models of it as a law compares.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;
use ingest::feed::Feed;
use ingest::generation::{self, Generation, ReadModel, Version};
use ingest::log::append::Appended;
use ingest::log::{Appender, Limits, Log};
use ingest::projector::{BatchLimits, Projector};
use tempfile::TempDir;
use tests::history::{self, Dump, Message, Positions};

/// Rules that differ from this program's in nothing but their number.
pub const OTHER_RULES: Version = Version {
    rules: Version::CURRENT.rules + 1,
    ..Version::CURRENT
};

/// The stores of one case.
pub struct Stores {
    folder: TempDir,
    pub log: Log,
    pub feed: Feed,
    pub appender: Appender,
}

impl Stores {
    pub async fn open(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(&folder.path().join("log.db")).await.unwrap();
        let feed = Feed::default();
        let (appender, _) = Appender::start(log.clone(), feed.clone(), limits);
        Self {
            folder,
            log,
            feed,
            appender,
        }
    }

    /// The file of the log.
    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("log.db")
    }

    /// Appends one message and waits for its commit.
    pub async fn append(&self, message: &Message) -> Appended {
        self.append_all(std::slice::from_ref(message)).await[0]
    }

    /// Appends messages that wait together, in their order.
    pub async fn append_all(&self, messages: &[Message]) -> Vec<Appended> {
        append_all(&self.appender, messages).await
    }

    /// The read model in the folder `name`, as a server that starts finds it.
    pub async fn read_model(
        &self,
        name: &str,
        version: Version,
    ) -> (Arc<ReadModel>, Option<Arc<Generation>>) {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        generation::open(&folder, version).await.unwrap()
    }

    /// A projector for it.
    pub fn projector(
        &self,
        (read_model, next): (Arc<ReadModel>, Option<Arc<Generation>>),
        limits: BatchLimits,
    ) -> Projector {
        Projector::new(
            self.log.clone(),
            read_model,
            next,
            self.feed.clone(),
            limits,
        )
    }

    /// The read model in the folder `name`, up to the log.
    pub async fn projected(&self, name: &str) -> Arc<ReadModel> {
        let (read_model, next) = self.read_model(name, Version::CURRENT).await;
        let model = Arc::clone(&read_model);
        catch_up(&mut self.projector((read_model, next), BatchLimits::default())).await;
        model
    }
}

/// Appends messages that wait together, in their order.
pub async fn append_all(appender: &Appender, messages: &[Message]) -> Vec<Appended> {
    let appends = messages
        .iter()
        .enumerate()
        .map(|(nth, message)| appender.append(message.arrival(history::received_at(nth))));
    let places = join_all(appends).await;
    places.into_iter().map(|place| place.unwrap()).collect()
}

/// Turns until there is nothing left to do.
pub async fn catch_up(projector: &mut Projector) {
    while projector.turn().await.unwrap() {}
}

/// Everything in the live generation.
pub async fn dump(read_model: &ReadModel, positions: Positions) -> Dump {
    let live = read_model.live();
    history::dump(live.db(), positions).await.unwrap()
}
