//! The playground's pages at `/playground`, and the way there from `/`.
//!
//! The build of `web/` is part of the binary, so that a binary moved elsewhere still has its playground. A binary built
//! without it serves a plain page of its own in its place. Every page, whichever it is, carries the same content security
//! policy: scripts, connections and workers only from the server itself, and nothing inline.

use std::borrow::Cow;

use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
    routing::get,
};
use rust_embed::RustEmbed;

/// `connect-src 'self'` covers the WebSocket of the same origin too.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; \
     style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const INDEX: &str = "index.html";

/// What stands in the place of the pages where only trusted documents are executed.
const CLOSED: &str = "The playground is off: this server executes only the documents that its operator trusts \
    (HOOKGRAPH_TRUSTED_DOCUMENTS), and answers no introspection. Start a server without that setting to explore the schema, \
    or read it with `hookgraph schema`.\n";

/// Files in this folder of the build have a hash of their content in their name: they never change.
const HASHED: &str = "assets/";

/// What `npm run build` leaves in `web/dist`; empty when it was not run before this crate was compiled. Cargo does not see
/// the folder appear, so `make web` touches this file.
#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Build;

/// The routes `/`, `/playground` and everything under it.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async || Redirect::temporary("/playground")))
        .route("/playground", get(index))
        .route("/playground/", get(index))
        .route("/playground/{*path}", get(file))
        .layer(map_response(with_security_headers))
}

/// The same routes where only trusted documents are executed: the pages could neither read the schema nor ask anything of their own.
pub fn closed<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let refuse = async || (StatusCode::FORBIDDEN, CLOSED);
    Router::new()
        .route("/", get(refuse))
        .route("/playground", get(refuse))
        .route("/playground/{*path}", get(refuse))
        .layer(map_response(with_security_headers))
}

async fn index(headers: HeaderMap) -> Response {
    respond(INDEX, &headers)
}

async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    respond(&path, &headers)
}

fn respond(path: &str, request: &HeaderMap) -> Response {
    match find(path, built) {
        Some(page) => page.respond(request.get(header::IF_NONE_MATCH)),
        None => (StatusCode::NOT_FOUND, "There is no such page.\n").into_response(),
    }
}

async fn with_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

/// A file of the build.
struct Built {
    content: Cow<'static, [u8]>,
    media_type: String,
    sha256: [u8; 32],
}

fn built(path: &str) -> Option<Built> {
    let file = Build::get(path)?;
    Some(Built {
        media_type: file.metadata.mimetype().to_owned(),
        sha256: file.metadata.sha256_hash(),
        content: file.data,
    })
}

struct Page {
    content: Cow<'static, [u8]>,
    media_type: String,
    cache_control: &'static str,
    etag: Option<String>,
}

/// The file of the build at `path`, or the plain page's: under its own name always, as the index only without a build.
fn find(path: &str, build: impl Fn(&str) -> Option<Built>) -> Option<Page> {
    match build(path) {
        Some(file) => Some(Page::of_build(path, file)),
        None => plain(path),
    }
}

fn plain(path: &str) -> Option<Page> {
    let (content, media_type) = match path {
        INDEX | "plain" => (include_str!("plain/index.html"), "text/html"),
        "plain.js" => (include_str!("plain/plain.js"), "text/javascript"),
        "plain.css" => (include_str!("plain/plain.css"), "text/css"),
        _ => return None,
    };
    Some(Page {
        content: Cow::Borrowed(content.as_bytes()),
        media_type: with_charset(media_type),
        cache_control: "no-cache",
        etag: None,
    })
}

impl Page {
    fn of_build(path: &str, file: Built) -> Self {
        Self {
            content: file.content,
            media_type: with_charset(&file.media_type),
            cache_control: if path.starts_with(HASHED) {
                "public, max-age=31536000, immutable"
            } else {
                "no-cache"
            },
            etag: Some(weak_etag(&file.sha256)),
        }
    }

    fn respond(self, if_none_match: Option<&HeaderValue>) -> Response {
        let asked = if_none_match.and_then(|value| value.to_str().ok());
        let known = self
            .etag
            .as_deref()
            .zip(asked)
            .is_some_and(|(etag, candidates)| matches(candidates, etag));

        let validators = [
            Some((header::CACHE_CONTROL, self.cache_control.to_owned())),
            self.etag.map(|etag| (header::ETAG, etag)),
        ];
        let validators = AppendHeaders(validators.into_iter().flatten());
        if known {
            (StatusCode::NOT_MODIFIED, validators).into_response()
        } else {
            let media_type = [(header::CONTENT_TYPE, self.media_type)];
            (validators, media_type, Body::from(self.content)).into_response()
        }
    }
}

/// Weak, because a layer above may compress the same content. Sixteen bytes tell two builds apart.
fn weak_etag(hash: &[u8; 32]) -> String {
    let value = hash[..16]
        .iter()
        .fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
    format!("W/\"{value:032x}\"")
}

/// The weak comparison of If-None-Match (RFC 9110, section 13.1.2).
fn matches(candidates: &str, etag: &str) -> bool {
    candidates
        .split(',')
        .map(str::trim)
        .any(|candidate| candidate == "*" || opaque(candidate) == opaque(etag))
}

fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

fn with_charset(media_type: &str) -> String {
    if media_type.starts_with("text/") {
        format!("{media_type}; charset=utf-8")
    } else {
        media_type.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    fn file(content: &'static str, media_type: &str) -> Built {
        Built {
            content: Cow::Borrowed(content.as_bytes()),
            media_type: media_type.to_owned(),
            sha256: [7; 32],
        }
    }

    fn a_build(path: &str) -> Option<Built> {
        match path {
            INDEX => Some(file("<title>built</title>", "text/html")),
            "assets/index-abc.js" => Some(file("let a", "text/javascript")),
            "assets/codicon-abc.ttf" => Some(file("font", "font/ttf")),
            _ => None,
        }
    }

    fn no_build(_: &str) -> Option<Built> {
        None
    }

    async fn get(path: &str) -> Response {
        let request = Request::get(path).body(Body::empty()).unwrap();
        routes::<()>()
            .with_state(())
            .oneshot(request)
            .await
            .unwrap()
    }

    #[test]
    fn the_build_is_the_index_and_the_plain_page_only_its_stand_in() {
        let built = find(INDEX, a_build).unwrap();
        assert_eq!(&*built.content, b"<title>built</title>");

        let stand_in = find(INDEX, no_build).unwrap();
        assert_eq!(
            &*stand_in.content,
            include_str!("plain/index.html").as_bytes()
        );
    }

    #[test]
    fn the_plain_page_has_its_own_address_with_and_without_a_build() {
        for path in ["plain", "plain.js", "plain.css"] {
            assert!(find(path, a_build).is_some(), "{path}");
            assert!(find(path, no_build).is_some(), "{path}");
        }
    }

    #[test]
    fn only_hashed_files_are_kept_for_good() {
        let hashed = find("assets/index-abc.js", a_build).unwrap();
        assert_eq!(hashed.cache_control, "public, max-age=31536000, immutable");
        assert_eq!(hashed.media_type, "text/javascript; charset=utf-8");
        assert_eq!(find(INDEX, a_build).unwrap().cache_control, "no-cache");
        assert_eq!(find(INDEX, no_build).unwrap().cache_control, "no-cache");
    }

    #[test]
    fn a_file_that_is_not_text_gets_no_charset() {
        let font = find("assets/codicon-abc.ttf", a_build).unwrap();
        assert_eq!(font.media_type, "font/ttf");
    }

    #[test]
    fn an_unchanged_index_is_not_sent_again() {
        let etag = find(INDEX, a_build).unwrap().etag.unwrap();
        let respond = |if_none_match: &str| {
            let value = HeaderValue::from_str(if_none_match).unwrap();
            find(INDEX, a_build).unwrap().respond(Some(&value))
        };

        for same in [etag.clone(), format!("\"other\", {etag}"), "*".to_owned()] {
            let response = respond(&same);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{same}");
            assert_eq!(response.headers()[header::ETAG], etag.as_str());
        }
        assert_eq!(respond("\"other\"").status(), StatusCode::OK);
    }

    #[test]
    fn the_plain_page_has_no_inline_script_or_style() {
        let page = include_str!("plain/index.html");
        assert!(!page.contains("<style") && !page.contains("style="));
        assert!(!page.contains("onclick=") && !page.contains("javascript:"));
        let own = page.matches(r#"<script type="module" src="/playground/"#);
        assert_eq!(page.matches("<script").count(), own.count());
    }

    #[tokio::test]
    async fn every_answer_carries_the_security_headers() {
        for path in ["/", "/playground", "/playground/", "/playground/nothing"] {
            let response = get(path).await;
            let headers = response.headers();
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; "), "{path}");
            assert!(policy.contains("script-src 'self';"), "{path}");
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers[header::REFERRER_POLICY], "no-referrer");
        }
    }

    #[tokio::test]
    async fn the_root_leads_to_the_playground() {
        let response = get("/").await;
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(response.headers()[header::LOCATION], "/playground");
    }

    #[tokio::test]
    async fn what_is_in_no_build_is_not_found() {
        for path in [
            "/playground/nothing",
            "/playground/../Cargo.toml",
            "/playground/..%2f..%2fCargo.toml",
        ] {
            assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
