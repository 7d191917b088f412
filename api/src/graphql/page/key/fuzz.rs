//! Whatever a cursor is, it is a key that is written and read as the same, or it is refused.

use ::tests::fuzz::fuzz;
use entity::log::refused_request;
use entity::read_model::{analysis, call, event_index, org, prospect, state, user};

use super::*;

#[test]
fn a_cursor_is_a_key_or_refused() {
    let mut found = 0;
    fuzz("cursor", |input| {
        // Also as what stands in a cursor, of which chance would hardly leave anything in base64.
        let as_sent = String::from_utf8_lossy(input).into_owned();
        for cursor in [as_sent, URL_SAFE_NO_PAD.encode(input)] {
            let Ok(key) = Key::decode(&cursor) else {
                continue;
            };
            found += 1;
            assert!(key.1.iter().all(KeyPart::is_possible), "{key:?}");
            let written = key.encode();
            // A number with a fraction can be written shorter than we do.
            if written.len() <= MAX_CURSOR_BYTES {
                assert_eq!(Key::decode(&written).ok().as_ref(), Some(&key));
            }
            check_lists(&key);
        }
    });
    assert!(found > 0, "no seed is a cursor");
}

fn check_lists(key: &Key) {
    let lists = [
        is_of::<org::Entity>(key),
        is_of::<user::Entity>(key),
        is_of::<call::Entity>(key),
        is_of::<prospect::Entity>(key),
        is_of::<analysis::Entity>(key),
        is_of::<event_index::Entity>(key),
        is_of::<state::Entity>(key),
        is_of::<refused_request::Entity>(key),
    ];
    let fitting = lists.into_iter().filter(|fits| *fits).count();
    assert!(fitting <= 1, "{key:?} is of {fitting} lists");
}

/// Whether it is of the list of `E` in its usual order. Then it has a value for each of the columns.
fn is_of<E: Paged>(key: &Key) -> bool {
    let order = E::DEFAULT;
    let fits = key.check::<E>(order).is_ok();
    if fits {
        let values = key.values::<E>(order, &Scope::Everything);
        assert_eq!(values.len(), E::parts(order.field).len());
    }
    fits
}
