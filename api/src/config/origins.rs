//! The origins whose pages may ask.

use anyhow::{bail, ensure};
use axum::http::HeaderValue;
use reqwest::Url;

/// Reads a list of origins, separated by commas.
///
/// # Errors
/// A sentence that says which is none, and what one looks like.
pub(super) fn origins(list: &[String]) -> anyhow::Result<Vec<HeaderValue>> {
    let origins = list.iter().map(|origin| origin.trim());
    origins
        .filter(|origin| !origin.is_empty())
        .map(origin)
        .collect()
}

fn origin(text: &str) -> anyhow::Result<HeaderValue> {
    ensure!(
        text != "*",
        "HOOKGRAPH_CORS_ORIGINS lists the origins whose pages may ask, such as https://app.example.com: \"*\" would be any page"
    );
    let read = Url::parse(text).ok();
    let is_origin = read.is_some_and(|url| {
        ["http", "https"].contains(&url.scheme())
            && url.origin().ascii_serialization() == text.to_ascii_lowercase()
    });
    match HeaderValue::from_str(&text.to_ascii_lowercase()) {
        Ok(origin) if is_origin => Ok(origin),
        _ => bail!(
            "HOOKGRAPH_CORS_ORIGINS: {text:?} is no origin: write scheme and host, and the port if it is not the usual one, as in https://app.example.com or http://localhost:5173"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Vec<HeaderValue>> {
        let list: Vec<String> = text.split(',').map(str::to_owned).collect();
        origins(&list)
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        let some = read("https://app.example.com, http://localhost:5173").unwrap();
        assert_eq!(some, ["https://app.example.com", "http://localhost:5173"]);
        assert_eq!(
            read("HTTPS://App.example.com").unwrap(),
            ["https://app.example.com"]
        );
        assert!(read("").unwrap().is_empty());
        for wrong in [
            "*",
            "null",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://app.example.com:443",
            "https://user@app.example.com",
            "ftp://app.example.com",
            "https://*.example.com/*",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
