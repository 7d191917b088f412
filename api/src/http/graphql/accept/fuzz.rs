//! Whatever a client accepts, it gets what it named, or JSON if it named nothing.

use ::tests::fuzz::fuzz;

use super::*;

#[test]
fn a_client_gets_what_it_named() {
    fuzz("accept", |input| {
        let mut headers = HeaderMap::new();
        let mut texts: Vec<String> = Vec::new();
        for line in input.split(|byte| *byte == b'\n') {
            let Ok(value) = HeaderValue::from_bytes(line) else {
                continue;
            };
            texts.extend(value.to_str().ok().map(str::to_owned));
            // It holds only so many.
            let _ = headers.try_append(ACCEPT, value);
        }
        let found = negotiate(&headers);
        // Several headers are one with commas between them (RFC 9110, 5.3).
        let text = texts.join(",");
        let value = HeaderValue::from_str(&text).expect("a header");
        let joined: HeaderMap = [(ACCEPT, value)].into_iter().collect();
        assert_eq!(negotiate(&joined), found);
        let named = text.to_ascii_lowercase();
        let is_blank = named.split(',').all(|range| range.trim().is_empty());
        let names_all = named.contains("*/*") || named.contains("application/*");
        let Some(accepted) = found else {
            assert!(!is_blank, "{named}");
            return;
        };
        let names_it = named.contains(accepted.media.essence());
        match accepted.media {
            Media::EventStream => assert!(names_it && accepted.streams(), "{named}"),
            Media::GraphqlResponse => assert!(names_it || names_all, "{named}"),
            Media::Json => assert!(names_it || names_all || is_blank, "{named}"),
        }
        if accepted.streams() {
            assert!(named.contains(Media::EventStream.essence()), "{named}");
        }
    });
}
