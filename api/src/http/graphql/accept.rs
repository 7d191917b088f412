//! Which media type the answer has, from the `Accept` headers.
//!
//! Invariant: the highest q wins, then the more specific range, then the one named first; a client that names none gets
//! `application/json`, as clients from before the specification expect.

use async_graphql::parser::types::OperationType;
use http::{HeaderMap, HeaderValue, header::ACCEPT};

/// The media types that a response can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`: the status tells whether the request was executed.
    GraphqlResponse,
    /// `application/json`: 200 for every well-formed request.
    Json,
    /// `text/event-stream`: the answer is a stream, and only what refuses the request itself is JSON.
    EventStream,
}

/// What the client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepted {
    /// What it prefers.
    pub(super) media: Media,
    /// Whether it takes a stream where nothing else will do, as clients say that name it behind JSON.
    streams: bool,
}

impl Accepted {
    /// Whether an operation of this kind is answered by a stream.
    pub(super) fn streamed(self, kind: OperationType) -> bool {
        self.media == Media::EventStream || self.streams && kind == OperationType::Subscription
    }

    /// Whether some operation is.
    pub(super) const fn streams(self) -> bool {
        self.streams
    }
}

impl Media {
    pub(super) const fn content_type(self) -> HeaderValue {
        match self {
            Self::GraphqlResponse => {
                HeaderValue::from_static("application/graphql-response+json; charset=utf-8")
            }
            Self::Json | Self::EventStream => {
                HeaderValue::from_static("application/json; charset=utf-8")
            }
        }
    }

    const fn essence(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json",
            Self::Json => "application/json",
            Self::EventStream => "text/event-stream",
        }
    }
}

/// One media range, with its weight in thousandths.
struct Range<'a> {
    name: &'a str,
    q: u16,
}

/// `None`: the client accepts nothing that the server can send.
pub(super) fn negotiate(headers: &HeaderMap) -> Option<Accepted> {
    let ranges: Vec<Range> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter(|range| !range.trim().is_empty())
        .map(read)
        .collect();
    if ranges.is_empty() {
        return Some(Accepted {
            media: Media::Json,
            streams: false,
        });
    }
    // `max_by_key` keeps the last of equals: where one wildcard covers both, that is `application/json`.
    [Media::EventStream, Media::GraphqlResponse, Media::Json]
        .into_iter()
        .filter_map(|media| Some((weigh(media, &ranges)?, media)))
        .max_by_key(|(weight, _)| *weight)
        .map(|(_, media)| Accepted {
            media,
            streams: weigh(Media::EventStream, &ranges).is_some(),
        })
}

type Weight = (u16, u8, std::cmp::Reverse<usize>);

/// The most specific range decides (RFC 9110, 12.5.1); `q=0` says no.
fn weigh(media: Media, ranges: &[Range]) -> Option<Weight> {
    let (specificity, place, q) = ranges
        .iter()
        .enumerate()
        .filter_map(|(place, range)| {
            let specificity = if range.name.eq_ignore_ascii_case(media.essence()) {
                2
            } else if media == Media::EventStream {
                // Only who names it can read it.
                return None;
            } else if range.name.eq_ignore_ascii_case("application/*") {
                1
            } else if range.name == "*/*" {
                0
            } else {
                return None;
            };
            Some((specificity, std::cmp::Reverse(place), range.q))
        })
        .max_by_key(|(specificity, place, _)| (*specificity, *place))?;
    (q > 0).then_some((q, specificity, place))
}

/// A weight that cannot be read, or a charset that the server does not speak, takes the range out.
fn read(range: &str) -> Range<'_> {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let q = parts
        .filter_map(|parameter| parameter.split_once('='))
        .fold(1000, |q, (key, value)| {
            if key.trim().eq_ignore_ascii_case("q") {
                thousandths(value.trim())
            } else if key.trim().eq_ignore_ascii_case("charset") && !super::is_utf8(value) {
                0
            } else {
                q
            }
        });
    Range { name, q }
}

fn thousandths(q: &str) -> u16 {
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    match (whole, format!("{fraction:0<3}").parse::<u16>()) {
        ("0", Ok(fraction)) if digits => fraction,
        ("1", Ok(0)) if digits => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(values: &[&'static str]) -> Option<Accepted> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        negotiate(&headers)
    }

    fn preferred(accept: &[&'static str]) -> Option<Media> {
        accepting(accept).map(|accepted| accepted.media)
    }

    #[test]
    fn table() {
        const NEW: Option<Media> = Some(Media::GraphqlResponse);
        const OLD: Option<Media> = Some(Media::Json);
        const STREAM: Option<Media> = Some(Media::EventStream);
        for (accept, expected) in [
            ("", OLD),
            ("*/*", OLD),
            ("application/*", OLD),
            ("application/json", OLD),
            ("application/graphql-response+json", NEW),
            ("Application/GraphQL-Response+JSON", NEW),
            (
                "application/graphql-response+json; charset=utf-8, application/json; charset=utf-8",
                NEW,
            ),
            ("application/json, application/graphql-response+json", OLD),
            (
                "application/graphql-response+json, application/json;q=0.9",
                NEW,
            ),
            (
                "application/json;q=0.9, application/graphql-response+json",
                NEW,
            ),
            (
                "application/graphql-response+json;q=0.2, application/json;q=0.9",
                OLD,
            ),
            ("application/graphql-response+json, */*", NEW),
            ("application/json, */*", OLD),
            ("application/json;q=0, */*", NEW),
            (
                "application/json;q=0, application/graphql-response+json;q=0, */*",
                None,
            ),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                OLD,
            ),
            ("text/html", None),
            ("text/event-stream", STREAM),
            ("text/event-stream;q=0", None),
            ("text/*", None),
            ("text/event-stream, application/json", STREAM),
            ("application/json, text/event-stream", OLD),
            ("text/event-stream;q=0.5, */*", OLD),
            ("application/json;charset=\"UTF-8\"", OLD),
            ("application/json;charset=iso-8859-1", None),
            ("application/json;q=high", None),
            ("application/json;q=1.5", None),
            ("application/json;q=0.001", OLD),
            (",, application/json ,", OLD),
        ] {
            assert_eq!(preferred(&[accept]), expected, "{accept}");
        }
        assert_eq!(preferred(&[]), OLD);
        assert_eq!(
            preferred(&["text/html", "application/graphql-response+json"]),
            NEW
        );
    }

    #[test]
    fn what_is_streamed() {
        use OperationType::{Query, Subscription};
        for (accept, query, subscription) in [
            ("text/event-stream", true, true),
            ("text/event-stream, application/json", true, true),
            (
                "application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
                false,
                true,
            ),
            ("application/json, text/event-stream;q=0", false, false),
            ("application/json", false, false),
            ("*/*", false, false),
        ] {
            let accepted = accepting(&[accept]).expect(accept);
            let streamed = [Query, Subscription].map(|kind| accepted.streamed(kind));
            assert_eq!(streamed, [query, subscription], "{accept}");
        }
    }
}
