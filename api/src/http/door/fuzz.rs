//! Whatever a request's headers are, nobody gets in who does not address this machine, or comes by way of a proxy.
//!
//! What is a loopback name is judged here by its letters alone, not by parsing it.

use ::tests::fuzz::{Form, fuzz};
use http::{HeaderName, HeaderValue};

use super::*;

fn headers(form: &Form<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &form.headers {
        let name = HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            // It holds only so many.
            let _ = headers.try_append(name, value);
        }
    }
    headers
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The port behind a loopback name: nothing where none is named.
fn port_of(place: &str) -> Option<&str> {
    // ::1, however many of its zeros are written out.
    let is_one = |address: &str| {
        let zeros = address.strip_suffix('1').unwrap_or_default();
        zeros.contains(':')
            && zeros
                .chars()
                .all(|letter| matches!(letter, '0' | ':' | '.'))
    };
    let bracketed = place.strip_prefix('[');
    let bracketed = bracketed.and_then(|rest| rest.split_once(']'));
    let (is_loopback, behind) = if let Some((address, behind)) = bracketed {
        (is_one(address), behind)
    } else {
        let (name, behind) = place.split_at(place.find(':').unwrap_or(place.len()));
        let numbers: Vec<&str> = name.split('.').collect();
        let is_address = numbers.len() == 4
            && numbers[0] == "127"
            && numbers.iter().all(|number| is_number(number));
        (is_address || name.to_lowercase() == "localhost", behind)
    };
    let port = match behind.strip_prefix(':') {
        None if behind.is_empty() => "",
        Some(port) if is_number(port) => port,
        _ => return None,
    };
    is_loopback.then_some(port)
}

fn is_of_a_proxy(name: &str) -> bool {
    let names = "forwarded via x-real-ip true-client-ip cf-connecting-ip cf-ray";
    name.starts_with("x-forwarded-") || names.split(' ').any(|one| one == name)
}

/// A port as a number. One that is left out is that of the origin's scheme.
fn number(port: &str, usual: u32) -> u32 {
    if port.is_empty() {
        return usual;
    }
    port.parse().expect("a number")
}

#[test]
fn nobody_gets_in_who_is_not_on_this_machine() {
    fuzz("headers", |input| {
        let form = Form::read(input);
        let headers = headers(&form);
        let authority = form.value(b":authority");
        let authority = authority.and_then(|value| str::from_utf8(value).ok());
        if let Err(refusal) = judge(&headers, authority) {
            assert!(!refusal.to_string().is_empty());
            return;
        }
        let named = headers.get_all(HOST).iter();
        let named = named.map(|host| host.to_str().expect("letters"));
        let named: Vec<&str> = named.chain(authority).collect();
        let ports: Vec<&str> = named
            .iter()
            .map(|name| port_of(name).unwrap_or_else(|| panic!("{name} is let in")))
            .collect();
        assert!(!ports.is_empty(), "no host is let in");
        for name in headers.keys() {
            assert!(!is_of_a_proxy(name.as_str()), "{name} is let in");
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        if let Some(origin) = origins.next() {
            assert_eq!(origins.next(), None);
            let origin = origin.to_str().expect("letters");
            let (scheme, page) = origin.split_once("://").expect("a scheme");
            let usual = match scheme.to_lowercase().as_str() {
                "http" => 80,
                "https" => 443,
                _ => panic!("{origin} is let in"),
            };
            let port = port_of(page).unwrap_or_else(|| panic!("{origin} is let in"));
            assert_eq!(number(port, usual), number(ports[0], usual), "{origin}");
        }
    });
}
