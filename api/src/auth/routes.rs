//! Who gets as far as asking, and the exchange of a token for a ticket.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::CACHE_CONTROL;
use serde_json::json;

use super::{Auth, ticket};
use crate::http::{Credentials, Refusal, door as open_door, refuse};

/// Middleware: while there are no tokens, only programs on this machine get through; with tokens everybody does, to be asked for one.
pub async fn door(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    if auth.is_closed() {
        next.run(request).await
    } else {
        open_door::guard(request, next).await
    }
}

/// Middleware: as [`door`]; with tokens only one that sees everything gets through.
pub async fn operators(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    if !auth.is_closed() {
        return open_door::guard(request, next).await;
    }
    match auth.admit(&credentials(&request)).await {
        Ok(admission) if admission.viewer.sees_everything() => next.run(request).await,
        Ok(_) => refuse(&Refusal::forbidden(
            "This is of the whole installation, and your token is for some orgs: use one that is for all.",
        )),
        Err(refusal) => refuse(&refusal),
    }
}

/// `POST /graphql/ticket`: what a browser's `EventSource` puts into its address, in the place of the token in `Authorization`.
pub fn routes(auth: Auth) -> Router {
    Router::new()
        .route("/graphql/ticket", post(exchange))
        .with_state(auth)
}

async fn exchange(State(auth): State<Auth>, request: Request) -> Response {
    match auth.ticket(&credentials(&request)).await {
        Ok(ticket) => {
            let told = json!({ "ticket": ticket, "expiresIn": ticket::VALID.as_secs() });
            ([(CACHE_CONTROL, "no-store")], axum::Json(told)).into_response()
        }
        Err(refusal) => refuse(&refusal),
    }
}

fn credentials(request: &Request) -> Credentials {
    Credentials::of(request.headers().clone(), request.extensions())
}
