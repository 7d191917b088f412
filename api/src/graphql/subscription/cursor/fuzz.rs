//! Whatever a cursor of the feed is, it has the one form that cursors have, or it is refused.

use ::tests::fuzz::fuzz;

use super::*;

const IDENTITY: &str = "0a1b2c3d";

#[test]
fn a_cursor_of_the_feed_has_one_form() {
    let mut found = 0;
    fuzz("feed_cursor", |input| {
        let Ok(text) = str::from_utf8(input) else {
            return;
        };
        let Ok(place) = parse(IDENTITY, text) else {
            return;
        };
        found += 1;
        assert!(place.position >= 0, "{place:?}");
        let position = place.position.to_string();
        let written = match place.mark {
            Some(mark) => format!("{IDENTITY}-{position}-{mark}"),
            None => format!("{IDENTITY}-{position}"),
        };
        assert!(text == written || text == position, "{text:?} {place:?}");
        assert_eq!(parse(IDENTITY, &written).ok(), Some(place));
    });
    assert!(found > 0, "no seed is a cursor");
}
