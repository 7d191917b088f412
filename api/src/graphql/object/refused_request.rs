//! A request that the webhook refused, for whoever is setting it up.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object};
use entity::log::refused_request::{self, Reason};
use ingest::refused;
use sea_orm::QueryFilter;

use crate::graphql::error::Result;
use crate::graphql::filter::{Filter, RefusedRequestFilter};
use crate::graphql::page::{Arguments, Connection, Node, Page, Scoped, Total};
use crate::graphql::scalar::Time;
use crate::graphql::session::Session;

/// A request that was refused.
pub struct RefusedRequest(refused_request::Model);

impl RefusedRequest {
    /// A page of those that `filter` lets pass. They stand beside the events, not in the read model.
    pub async fn list(
        ctx: &Context<'_>,
        filter: Option<RefusedRequestFilter>,
        arguments: Arguments,
    ) -> Result<Connection<Self>> {
        let reader = &Session::of(ctx).reader;
        let filter = filter.unwrap_or_default();
        filter.check(&reader.viewer)?;
        let page = Page::new::<refused_request::Entity>(&arguments, None)?;
        let select = refused_request::Entity::visible_to(reader.viewer.scope());
        let select = page.of(
            select.filter(filter.condition(reader.sight())),
            reader.sight(),
        );
        let rows = refused::read(reader.store.log.read(&reader.passing), select).await?;
        let total = Total::of(move |session: Arc<Session>| {
            let filter = filter.clone();
            Box::pin(async move {
                let reader = &session.reader;
                let condition = filter.condition(reader.sight());
                let select = refused_request::Entity::visible_to(reader.viewer.scope());
                let count = refused::count(
                    reader.store.log.read(&reader.passing),
                    select.filter(condition),
                )
                .await?;
                Ok(i64::try_from(count).unwrap_or(i64::MAX))
            })
        });
        Ok(page.connection::<refused_request::Entity, Self>(rows, total, &reader.asked))
    }
}

impl Node for RefusedRequest {
    type Row = refused_request::Model;

    fn from_row(row: refused_request::Model) -> Self {
        Self(row)
    }
}

/// Why a request was refused, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "Reason")]
pub enum RefusalReason {
    /// The URL names no source of this server (404). Let the endpoint's URL end in `/webhooks/salesmagic`, with nothing behind it.
    UnknownSource,
    /// The body is over the limit (413): `detail` names it. Sent again, it is refused again; look in Svix's portal at what it is.
    BodyTooLarge,
    /// The body did not arrive in time (408). Svix sends it again; if it happens often, look at the proxy and the network before this server.
    BodyTooSlow,
    /// The connection ended before the body did (400). Svix sends it again; if it happens often, look at the proxy and the network before this server.
    BodyCutOff,
    /// A signature header is missing, twice there or malformed (400): `detail` says which. Let the proxy or tunnel pass on all headers. What
    /// does not come from Svix has none; then there is nothing to do.
    Header,
    /// The message id is over 256 bytes (400). Svix's are far shorter: look at who else sends to this URL.
    MessageIdTooLong,
    /// The body is not UTF-8, so Svix has not signed it (400). Let the proxy pass on the body as it is, neither compressed nor recoded.
    #[graphql(name = "NOT_UTF8")]
    NotUtf8,
    /// It was signed with another secret, or changed on the way (401). Every endpoint in Svix's portal has a signing secret of its own: copy that of
    /// this URL's endpoint into `HOOKGRAPH_WEBHOOK_SECRET` and start the server again. If it is the right one, let the proxy pass on the body
    /// byte for byte.
    NoSecretMatches,
    /// Its timestamp is over five minutes before or after the time of this server (401): `detail` says by how much. Whether the secret is right was not
    /// looked at. Set this machine's clock. If only single ones are off, someone sends old requests again.
    OutsideTolerance,
    /// It could not be taken in that moment (503): `detail` says why. Svix sends it again; if it happens often, the server's log says what is wrong with
    /// the database, or more bodies arrive at the same time than this server has room for.
    Unavailable,
}

/// A request that the webhook refused. Of each reason the newest 100 are kept, for setting the webhook up: where it went and why it was
/// refused, nothing of what was in it.
#[Object]
impl RefusedRequest {
    /// When it was refused, by this server's clock.
    async fn received_at(&self) -> Option<Time> {
        Time::of_micros(self.0.received_at)
    }

    /// Where it went: what stands behind `/webhooks/` in its URL, 256 bytes at most.
    async fn source(&self) -> &str {
        &self.0.source
    }

    /// The HTTP status that it was answered.
    async fn status(&self) -> i32 {
        self.0.status
    }

    /// Why it was refused. The description of each value says what to do.
    async fn reason(&self) -> RefusalReason {
        self.0.reason.into()
    }

    /// The reason in words, with what is particular to this request: which header, how many seconds.
    async fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The message id that it claims, 256 bytes at most: with it you find the attempt in Svix's portal.
    async fn message_id(&self) -> Option<&str> {
        self.0.message_id.as_deref()
    }

    /// The length of its body in bytes. Null when it was refused before the body was read.
    async fn size(&self) -> Option<i32> {
        let size = self.0.size?;
        Some(i32::try_from(size).unwrap_or(i32::MAX))
    }
}
