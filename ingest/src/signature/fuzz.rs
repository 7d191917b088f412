//! Whatever the headers and the body are, nothing passes that was not signed with the secret.

use ::tests::fuzz::{Corpus, Form};
use http::HeaderName;

use super::*;

const SECRET: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

/// All that was ever signed with it: id, timestamp, body.
const MESSAGES: [[&str; 3]; 4] = [
    ["msg_1", "1700000000", r#"{"type":"user.created"}"#],
    ["msg_2", "1700000300", "{\"name\":\"é\"}\n\nmore"],
    ["msg_3", "1699999000", ""],
    ["msg_4", "-62135596800", "17"],
];

/// The request that brings a message.
fn request(secret: &Secret, family: [&str; 3], message: [&str; 3]) -> String {
    let [id, timestamp, body] = message;
    let mac = secret.mac.clone().chain_update(message.join("."));
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let values = [id, timestamp, &format!("v1,{signature}")];
    let headers = family.iter().zip(values);
    let lines: Vec<String> = headers
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    format!("{}\n{body}", lines.concat())
}

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

#[test]
fn only_what_was_signed_passes() {
    let secrets = [Secret::parse(SECRET).unwrap()];
    let requests = FAMILIES
        .iter()
        .flat_map(|family| MESSAGES.map(|message| request(&secrets[0], *family, message)));
    let corpus = Corpus::of("signature").with(requests);
    let now = DateTime::from_timestamp(1_700_000_100, 0).unwrap();
    let mut passed = 0;
    corpus.fuzz(|input| {
        let form = Form::read(input);
        let headers = headers(&form);
        let claimed = message_id(&headers);
        let signed = match SignatureHeaders::from_request(&headers) {
            Ok(signed) => signed,
            Err(refusal) => {
                assert!(!refusal.to_string().is_empty());
                return;
            }
        };
        assert!((1..=MAX_MESSAGE_ID_BYTES).contains(&signed.id.len()));
        assert_eq!(claimed, Some(signed.id.clone()));
        let found = verify_at_any_time(&secrets, &signed, form.body);
        if found.is_ok() {
            passed += 1;
            let timestamp: i64 = signed.timestamp.parse().unwrap();
            let is_this = |[id, at, body]: &[&str; 3]| {
                *id == signed.id && at.parse() == Ok(timestamp) && body.as_bytes() == form.body
            };
            assert!(MESSAGES.iter().any(is_this), "{signed:?}");
        }
        let timely = check_time(&signed, now);
        let taken = verify(&secrets, &signed, form.body, now);
        assert_eq!(taken.is_ok(), found.is_ok() && timely.is_ok());
        for refusal in [timely.err(), taken.err()].into_iter().flatten() {
            assert!(!refusal.to_string().is_empty());
        }
    });
    // Those that chance has not touched yet.
    assert!(passed >= FAMILIES.len() * MESSAGES.len(), "{passed}");
}

#[test]
fn any_text_is_a_secret_or_none() {
    Corpus::new("secret")
        .with([SECRET, "MDEyMzQ1Njc4OQ==", "whsec_"])
        .fuzz(|input| {
            let text = String::from_utf8_lossy(input);
            if let Ok(secret) = Secret::parse(&text) {
                assert_eq!(secret.id().len(), 12);
                assert_eq!(format!("{secret:?}"), format!("Secret({})", secret.id()));
            }
        });
}
