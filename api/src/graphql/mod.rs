//! The GraphQL schema: read-only, every read on behalf of a [`Viewer`].
//!
//! [`query`] and [`subscription`] are its roots, [`object`] what can be reached from them. Lists are [`page`]s of rows that
//! a [`filter`] lets pass; what an object needs of other rows is gathered by a [`session`]'s loaders ([`loader`] by key,
//! [`relation`] below a parent).

mod asked;
mod beside;
mod cost;
mod document;
mod error;
mod filter;
mod history;
mod indexed;
mod loader;
mod object;
mod page;
mod query;
mod relation;
mod report;
mod scalar;
mod search;
mod session;
mod shape;
mod subscription;
#[cfg(test)]
mod tests;
mod viewer;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{
    Data, EmptyMutation, Executor, Request, Response, Schema, SchemaBuilder, ServerError,
    ValidationMode, Value,
};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use ingest::feed::Feed;
use ingest::generation::ReadModel;
use ingest::log::{Log, Position};
use ingest::webhook::Clock;

use crate::rate::Budget;

use beside::Passing;
use cost::Cost;
use query::QueryRoot;
use session::Session;
use shape::{Asked, Types};
use subscription::{SubscriptionRoot, Tails};

pub use beside::{Beside, State, States};
pub use cost::{Judge, QueryLimits};
pub use document::Document;
pub use subscription::Leg;
pub use viewer::Viewer;

/// Selections within each other, inline fragments and spreads among them, past which a document is not even looked at: a net
/// under whoever reads documents before, and has words for it.
const MOST_LEVELS: usize = 128;

/// How long a query waits for the primary, of which it needs nothing but how far it is.
const PRIMARY_WITHIN: Duration = Duration::from_secs(1);

/// async-graphql's `no-cache`: the answer read something that changes while the read model stands still.
pub const OF_THIS_MOMENT: i32 = -1;

/// What the schema reads from.
pub struct Store {
    /// The log: raw events.
    pub log: Beside<Log>,
    /// The log of the primary, where queries are answered by a replica.
    pub primary: Beside<Option<Log>>,
    /// The read model: all else.
    pub read_model: Arc<ReadModel>,
    /// Says what is new.
    pub feed: Feed,
    /// Tells the time.
    pub clock: Beside<Clock>,
    /// After how long without a webhook something seems to be amiss.
    pub quiet_after: Duration,
    /// The log's head when the server started: what stands before it is not new, however late it can be queried.
    pub old: i64,
    /// The server's version.
    pub version: &'static str,
}

impl Store {
    /// Whether another generation of the read model answers now than the one with this number.
    async fn has_moved_on(&self, from: i64) -> bool {
        let announced = *self.feed.watch_projected().borrow();
        let looked = self.read_model.refresh(announced).await;
        looked.is_ok() && self.read_model.live().number() != from
    }

    /// The primary's head. None without a replica, and when the primary does not answer in time.
    async fn primary_head(&self, passing: &Passing) -> Option<Position> {
        let primary = self.primary.read(passing).as_ref()?;
        match tokio::time::timeout(PRIMARY_WITHIN, primary.head()).await {
            Ok(Ok(head)) => Some(head),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the primary cannot be asked");
                None
            }
            Err(_) => None,
        }
    }
}

/// The schema with what it reads from: executes requests, each with a session of its own. Cheap to clone.
#[derive(Clone)]
pub struct Graphql {
    schema: Schema<QueryRoot, EmptyMutation, SubscriptionRoot>,
    judge: Judge,
    types: Arc<Types>,
    store: Arc<Store>,
    tails: Arc<Tails>,
}

impl Graphql {
    /// The schema over `store`.
    ///
    /// # Errors
    /// The schema's own text cannot be parsed: a defect of this program.
    pub fn new(store: Store) -> Result<Self, async_graphql::parser::Error> {
        // What the judge has passed is valid.
        let schema = builder().validation_mode(ValidationMode::Fast).finish();
        let types = Types::of(async_graphql::parser::parse_schema(schema.sdl())?);
        Ok(Self {
            schema,
            judge: Judge::new(QueryLimits::default()),
            types: Arc::new(types),
            store: Arc::new(store),
            tails: Arc::default(),
        })
    }

    /// The same with other limits than the default ones.
    #[must_use]
    pub fn within(self, limits: QueryLimits) -> Self {
        Self {
            judge: Judge::new(limits),
            ..self
        }
    }

    /// `None`: the document cannot be parsed, and executing it will say so.
    fn judged(&self, run: &Run) -> Result<Option<Cost>, Vec<ServerError>> {
        let Some(Asked {
            document,
            operation,
            variables,
        }) = &run.asked
        else {
            return Ok(None);
        };
        let operation = operation.as_deref();
        let judge = || {
            let parsed = document.parsed().clone();
            self.judge.check(parsed, operation, variables.clone())
        };
        let cost = document.verdict(operation, variables, judge)?;
        if let Some(budget) = &run.budget {
            let spent = budget.spend_cost(cost.cost());
            spent.map_err(|exhausted| vec![error::rate_limited(exhausted)])?;
        }
        Ok(Some(cost))
    }
}

/// The schema in GraphQL's schema language: sorted, with every description.
pub fn sdl() -> String {
    let options = async_graphql::SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items();
    builder().finish().sdl_with_options(options)
}

fn builder() -> SchemaBuilder<QueryRoot, EmptyMutation, SubscriptionRoot> {
    Schema::build(QueryRoot::default(), EmptyMutation, SubscriptionRoot)
        .limit_recursive_depth(MOST_LEVELS)
}

impl Executor for Graphql {
    /// A request without a [`Viewer`] among its data sees nothing: it fails.
    async fn execute(&self, request: Request) -> Response {
        let Some(run) = Run::begin(&self.store, request) else {
            return without_viewer();
        };
        let cost = match self.judged(&run) {
            Ok(cost) => cost,
            Err(errors) => return Response::from_errors(errors),
        };
        let generation = self.store.read_model.live().number();
        let viewer = run.viewer.clone();
        let mut passing = run.passing.clone();
        let (response, asked) = self.drive(run).await;
        // A replica that was far behind can replay the switch to another generation and the end of the old one in one go.
        let failed = response.errors.iter().any(is_internal);
        let response = match asked {
            Some(asked) if failed && self.store.has_moved_on(generation).await => {
                tracing::debug!("a query is asked again, of another generation");
                match Run::begin(&self.store, asked.again(viewer)) {
                    Some(run) => {
                        passing = run.passing.clone();
                        self.shaped(self.drive(run).await)
                    }
                    None => without_viewer(),
                }
            }
            asked => self.shaped((response, asked)),
        };
        let mut response = match cost {
            Some(cost) => cost.told(response),
            None => response,
        };
        if passing.is_set() {
            response.cache_control.max_age = OF_THIS_MOMENT;
        }
        response
    }

    fn execute_stream(
        &self,
        request: Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let Some(run) = Run::begin(&self.store, request) else {
            return futures_util::stream::once(async { without_viewer() }).boxed();
        };
        if let Err(errors) = self.judged(&run) {
            return futures_util::stream::once(async { Response::from_errors(errors) }).boxed();
        }
        let session_data = session_data.unwrap_or_default();
        let stream = self.schema.execute_stream_with_session_data(
            run.request.data(Arc::clone(&self.tails)),
            session_data,
        );
        let types = Arc::clone(&self.types);
        let shape = move |response| match &run.asked {
            Some(asked) => asked.shape(&types, response),
            None => response,
        };
        run.tasks.drive_stream(stream).map(shape).boxed()
    }
}

impl Graphql {
    /// The states of the read model from which it answers.
    pub fn states(&self) -> States {
        States::of(Arc::clone(&self.store.read_model))
    }

    async fn drive(&self, run: Run) -> (Response, Option<Asked>) {
        let response = run.tasks.drive(self.schema.execute(run.request)).await;
        (response, run.asked)
    }

    fn shaped(&self, (response, asked): (Response, Option<Asked>)) -> Response {
        match asked {
            Some(asked) => asked.shape(&self.types, response),
            None => response,
        }
    }
}

fn is_internal(error: &ServerError) -> bool {
    let code = error.extensions.as_ref().and_then(|all| all.get("code"));
    code.is_some_and(|code| *code == Value::from(error::Error::Internal.code()))
}

/// A request on its way: with its session, what drives it, and what it asks.
struct Run {
    request: Request,
    viewer: Viewer,
    /// What the sender pays from; none when this was paid for already.
    budget: Option<Budget>,
    passing: Passing,
    tasks: session::Tasks,
    /// None when the document cannot be parsed; executing it says so.
    asked: Option<Asked>,
}

impl Run {
    fn begin(store: &Arc<Store>, mut request: Request) -> Option<Self> {
        let viewer = request.data.get(&std::any::TypeId::of::<Viewer>())?;
        let viewer = viewer.downcast_ref::<Viewer>()?.clone();
        let budget = request.data.get(&std::any::TypeId::of::<Budget>());
        let budget = budget.and_then(|budget| budget.downcast_ref::<Budget>());
        let budget = budget.cloned();
        let document = document_of(&mut request);
        let fields = document
            .as_ref()
            .map(|document| Arc::clone(document.asked()));
        let fields = fields.unwrap_or_default();
        let (session, tasks) = Session::new(Arc::clone(store), viewer.clone(), fields);
        let asked = document.map(|document| Asked {
            document,
            operation: request.operation_name.clone(),
            variables: request.variables.clone(),
        });
        Some(Self {
            passing: session.reader.passing.clone(),
            request: request.data(session),
            viewer,
            budget,
            tasks,
            asked,
        })
    }
}

/// The document of a request: the one that whoever read it has left beside it, or the one that it has.
fn document_of(request: &mut Request) -> Option<Arc<Document>> {
    let read = request.data.get(&std::any::TypeId::of::<Arc<Document>>());
    if let Some(document) = read.and_then(|document| document.downcast_ref::<Arc<Document>>()) {
        return Some(Arc::clone(document));
    }
    let parsed = request.parsed_query().ok()?.clone();
    Some(Arc::new(Document::new(parsed)))
}

fn without_viewer() -> Response {
    tracing::error!("a request reached the schema without a viewer");
    let error: async_graphql::Error = error::Error::Internal.into();
    Response::from_errors(vec![error.into_server_error(async_graphql::Pos::default())])
}
