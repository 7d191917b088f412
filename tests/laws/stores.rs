//! A log with its writer, and as many read models of it as a law compares.

use std::sync::Arc;

use futures_util::future::join_all;
use ingest::database::Location;
use ingest::feed::{Feed, Follower};
use ingest::generation::{Generations, ReadModel, Version};
use ingest::log::append::Appended;
use ingest::log::{Appender, Limits, Log};
use ingest::projector::{BatchLimits, Projector};
use tests::history::{self, Dump, Message, Positions};
use tests::places::Places;

/// Rules that differ from this program's in nothing but their number.
pub const OTHER_RULES: Version = Version {
    rules: Version::CURRENT.rules + 1,
    ..Version::CURRENT
};

/// The stores of one case, on the database that this run of the tests is for.
pub struct Stores {
    places: Places,
    pub log: Log,
    pub feed: Feed,
    pub appender: Appender,
}

impl Stores {
    pub async fn open(limits: Limits) -> Self {
        let places = Places::new();
        let log = Log::open(&places.named("log").await).await.unwrap();
        let feed = Feed::default();
        let (appender, _) = Appender::start(log.clone(), feed.clone(), limits);
        Self {
            places,
            log,
            feed,
            appender,
        }
    }

    /// The address of the log's database, and the schema it is in, for a client of its own.
    pub fn log_url(&self) -> String {
        self.places.url("log")
    }

    /// Appends one message and waits for its commit.
    pub async fn append(&self, message: &Message) -> Appended {
        self.append_all(std::slice::from_ref(message)).await[0]
    }

    /// Appends messages that wait together, in their order.
    pub async fn append_all(&self, messages: &[Message]) -> Vec<Appended> {
        append_all(&self.appender, messages).await
    }

    /// Where the read model `name` is.
    pub async fn location(&self, name: &str) -> Location {
        self.places.named(name).await
    }

    /// The read model `name`, as a server that starts finds it: for a projector.
    pub async fn generations(&self, name: &str, version: Version) -> Generations {
        let location = self.places.named(name).await;
        Generations::open(location, version).await.unwrap()
    }

    /// The read model `name`, which a projector has opened before: for readers.
    pub async fn read_model(&self, name: &str) -> Arc<ReadModel> {
        let location = self.places.named(name).await;
        Arc::new(ReadModel::open(location).await.unwrap())
    }

    /// A projector for it.
    pub fn projector(&self, generations: Generations, limits: BatchLimits) -> Projector {
        Projector::new(self.log.clone(), generations, self.feed.clone(), limits)
    }

    /// Keeps `read_model` and its subscribers up to what is projected.
    pub fn follower(&self, read_model: &Arc<ReadModel>) -> Follower {
        Follower::new(Arc::clone(read_model), self.feed.clone())
    }

    /// The read model `name`, up to the log.
    pub async fn projected(&self, name: &str) -> Arc<ReadModel> {
        self.projected_by(name, BatchLimits::default()).await
    }

    /// The read model `name`, up to the log, by batches within `limits`.
    pub async fn projected_by(&self, name: &str, limits: BatchLimits) -> Arc<ReadModel> {
        let generations = self.generations(name, Version::CURRENT).await;
        catch_up(&mut self.projector(generations, limits)).await;
        let read_model = self.read_model(name).await;
        self.follower(&read_model).turn().await.unwrap();
        read_model
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
