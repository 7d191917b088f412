//! Escapes that a JSON text may hold and a database or a Rust string cannot.
//!
//! JSON allows `"\ud83d"` alone, which a JavaScript sender writes when it cuts a text in the middle of an emoji, and
//! `"\u0000"`, which PostgreSQL cannot store. Both become U+FFFD, and nothing else changes. What was sent stays in the log.

use std::borrow::Cow;

/// Which escapes [`mend`] replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mend {
    /// Halves of surrogate pairs: what no Rust string can hold.
    LoneSurrogates,
    /// Those, and U+0000: what no read model can hold.
    Unstorable,
}

/// `json` with the escapes of `which` replaced by `\ufffd`. Borrowed when there is nothing to replace.
pub fn mend(json: &str, which: Mend) -> Cow<'_, str> {
    if !json.contains("\\u") {
        return Cow::Borrowed(json);
    }
    let bytes = json.as_bytes();
    let mut mended = String::new();
    let mut kept = 0;
    let mut at = 0;
    // Outside a JSON string no backslash is valid, so every one met here starts an escape.
    while let Some(found) = bytes[at..].iter().position(|&b| b == b'\\') {
        at += found;
        let Some(unit) = code_unit(bytes, at) else {
            at = (at + 2).min(bytes.len());
            continue;
        };
        let length = match unit {
            0xD800..=0xDBFF
                if code_unit(bytes, at + 6).is_some_and(|low| (0xDC00..=0xDFFF).contains(&low)) =>
            {
                at += 12;
                continue;
            }
            0xD800..=0xDFFF => 6,
            0 if which == Mend::Unstorable => 6,
            _ => {
                at += 6;
                continue;
            }
        };
        mended.push_str(&json[kept..at]);
        mended.push_str("\\ufffd");
        at += length;
        kept = at;
    }
    if kept == 0 {
        return Cow::Borrowed(json);
    }
    mended.push_str(&json[kept..]);
    Cow::Owned(mended)
}

/// The UTF-16 code unit of a `\uXXXX` escape that starts at `at`.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0u16, |unit, &digit| {
        let value = char::from(digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::{Mend, mend};

    #[test]
    fn only_what_cannot_be_held_is_replaced() {
        for (json, mended) in [
            (r#""plain""#, r#""plain""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""cut \ud83d""#, r#""cut \ufffd""#),
            (r#""\ude00 first""#, r#""\ufffd first""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""nul \u0000""#, r#""nul \ufffd""#),
            // An escaped backslash followed by the letters of an escape is no escape.
            (r#""\\u0000""#, r#""\\u0000""#),
            (r#""\\\u0000""#, r#""\\\ufffd""#),
            (r#""\u00e9\n""#, r#""\u00e9\n""#),
            (r#""\u12"#, r#""\u12"#),
            ("\"\\", "\"\\"),
        ] {
            assert_eq!(mend(json, Mend::Unstorable), mended);
        }
        assert_eq!(mend(r#""\u0000""#, Mend::LoneSurrogates), r#""\u0000""#);
    }
}
