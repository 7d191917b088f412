//! Where a token stands in a request: the header `Authorization`, what a socket's client says when it opens, or, as a ticket, the
//! address of an event stream.

use http::header::AUTHORIZATION;

use crate::http::{Credentials, Refusal};

/// The names under which clients of graphql-transport-ws send it.
const PARAMS: [&str; 3] = ["authorization", "Authorization", "token"];

/// The token that came, or the ticket that stands for one, if any did.
///
/// # Errors
/// Something came that is no bearer token, or several that differ: which of them counts is not for us to choose.
pub(super) fn of(credentials: &Credentials) -> Result<Option<&str>, Refusal> {
    let malformed = || {
        Refusal::unauthenticated(
            "Send one token, as Authorization: Bearer hg_…, or as authorization in the payload of connection_init.",
        )
    };
    let headers = credentials.headers.get_all(AUTHORIZATION).iter();
    let of_headers = headers.map(|value| value.to_str().ok().and_then(bare));
    let params = credentials.connection_params.as_ref();
    let given = PARAMS.iter().filter_map(|name| params?.get(name));
    let of_params = given
        .filter(|value| !value.is_null())
        .map(|value| value.as_str().and_then(bare));
    let ticket = credentials.ticket.as_deref().map(Some);
    let mut found = None;
    for token in of_headers.chain(of_params).chain(ticket) {
        let token = token.ok_or_else(malformed)?;
        if found.is_some_and(|found| found != token) {
            return Err(malformed());
        }
        found = Some(token);
    }
    Ok(found)
}

/// Without the scheme, which is compared without case (RFC 9110, section 11.1).
fn bare(text: &str) -> Option<&str> {
    let is_bearer = |scheme: &str| scheme.eq_ignore_ascii_case("bearer");
    match text.trim().split_once(' ') {
        Some((scheme, token)) => is_bearer(scheme).then(|| token.trim()),
        None => Some(text.trim()).filter(|token| !token.is_empty() && !is_bearer(token)),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::{Value, json};

    use super::*;

    fn found(headers: &[&str], params: Value, ticket: Option<&str>) -> Result<Option<String>, ()> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(AUTHORIZATION, value.parse().expect("a header"));
        }
        let credentials = Credentials {
            connection_params: Some(params),
            ticket: ticket.map(str::to_owned),
            ..Credentials::of(map, &http::Extensions::new())
        };
        let found = of(&credentials).map_err(|refusal| assert_eq!(refusal.status, 401))?;
        Ok(found.map(str::to_owned))
    }

    #[test]
    fn one_token_is_found_wherever_it_stands() {
        let one = Ok(Some("hg_a".to_owned()));
        let none = json!({});
        assert_eq!(found(&[], none.clone(), None), Ok(None));
        for header in ["Bearer hg_a", "bearer  hg_a", "BEARER hg_a ", "hg_a"] {
            assert_eq!(found(&[header], none.clone(), None), one, "{header}");
        }
        for params in [
            json!({ "authorization": "Bearer hg_a" }),
            json!({ "Authorization": "hg_a", "token": null }),
            json!({ "token": "hg_a", "authorization": "Bearer hg_a" }),
        ] {
            assert_eq!(found(&[], params.clone(), None), one, "{params}");
            assert_eq!(
                found(&["Bearer hg_a"], params.clone(), None),
                one,
                "{params}"
            );
        }
        assert_eq!(found(&[], none, Some("hg_a")), one);
    }

    #[test]
    fn what_is_no_token_is_refused_and_so_are_two() {
        for headers in [
            &["Basic hg_a"][..],
            &["Bearer"],
            &["Bearer "],
            &[""],
            &["Bearer hg_a", "Bearer hg_b"],
        ] {
            assert_eq!(found(headers, json!({}), None), Err(()), "{headers:?}");
        }
        for params in [
            json!({ "authorization": 1 }),
            json!({ "authorization": "Bearer hg_a", "token": "hg_b" }),
            json!({ "authorization": { "bearer": "hg_a" } }),
        ] {
            assert_eq!(found(&[], params.clone(), None), Err(()), "{params}");
        }
        assert_eq!(found(&["Bearer hg_a"], json!({}), Some("hg_b")), Err(()));
    }
}
