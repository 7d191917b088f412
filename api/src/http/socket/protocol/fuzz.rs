//! Whatever a client says is of the protocol, or closes the socket with 4400.

use ::tests::fuzz::fuzz;

use super::*;

/// What the message is by itself: its type and what else it must be like.
fn check(heard: Heard, message: &Json) {
    let object = |payload: &Option<Json>| payload.as_ref().is_none_or(Json::is_object);
    let kind = match heard {
        Heard::ConnectionInit(payload) => {
            assert!(object(&payload), "{message}");
            "connection_init"
        }
        Heard::Ping(payload) => {
            assert!(object(&payload), "{message}");
            assert_eq!(check_said(&pong(payload))["type"], "pong");
            "ping"
        }
        Heard::Pong => "pong",
        Heard::Complete { id } => {
            check_id(&id, message);
            "complete"
        }
        Heard::Subscribe { id, parameters } => {
            check_id(&id, message);
            assert!(message["payload"].is_object(), "{message}");
            assert!(parameters.has_document(), "{message}");
            if let Err(refusal) = parameters.into_sent() {
                assert_eq!(refusal.status, 400);
            }
            "subscribe"
        }
    };
    assert_eq!(message["type"], kind);
}

/// An id is repeated as it was sent.
fn check_id(id: &str, message: &Json) {
    assert!((1..=ID_BYTES).contains(&id.len()), "{message}");
    assert_eq!(message["id"], id);
    for said in [next(id, "{}"), error(id, &[]), complete(id)] {
        assert_eq!(check_said(&said)["id"], id);
    }
    assert_eq!(check_close(Close::already_exists(id)), 4409);
}

fn check_said(said: &str) -> Json {
    serde_json::from_str(said).expect("JSON")
}

/// A control frame has room for it.
fn check_close(close: Close) -> u16 {
    assert!(close.reason.len() <= REASON_BYTES, "{close:?}");
    let code = close.code;
    assert!(matches!(close.into_message(), Message::Close(Some(_))));
    code
}

#[test]
fn a_message_is_of_the_protocol_or_closes_the_socket() {
    fuzz("message", |input| {
        let Ok(text) = str::from_utf8(input) else {
            return;
        };
        let heard = read(text);
        assert_eq!(heard, read(text));
        match heard {
            Err(close) => assert_eq!(check_close(close), 4400),
            Ok(heard) => check(heard, &serde_json::from_str(text).expect("JSON")),
        }
    });
}
