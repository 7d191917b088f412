//! The size of a document, before it is parsed.
//!
//! Invariant: strings and comments count as what they are, one token and none; and whatever is no string after all hides nothing.

use crate::http::EdgeLimits;

/// Counts tokens and open brackets without parsing. Strings and comments count as what they are: one token, none.
pub(super) fn check(document: &str, limits: &EdgeLimits) -> Result<(), String> {
    let bytes = document.as_bytes();
    let (mut at, mut tokens, mut open) = (0, 0_usize, 0_usize);
    let mut strings = Strings::default();
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let length = match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at += rest
                    .iter()
                    .position(|byte| matches!(byte, b'\n' | b'\r'))
                    .unwrap_or(rest.len());
                continue;
            }
            b'"' => strings.length(rest),
            b'{' | b'[' | b'(' => {
                open += 1;
                1
            }
            b'}' | b']' | b')' => {
                open = open.saturating_sub(1);
                1
            }
            byte if is_word(byte) => rest
                .iter()
                .position(|byte| !is_word(*byte))
                .unwrap_or(rest.len()),
            _ => 1,
        };
        at += length;
        tokens += 1;
        if tokens > limits.tokens {
            return Err(format!(
                "The document has more than {} tokens: select fewer fields, or send lists as variables.",
                limits.tokens
            ));
        }
        if open > limits.nesting {
            return Err(format!(
                "The document nests deeper than {} brackets: flatten it, or send nested values as variables.",
                limits.nesting
            ));
        }
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+')
}

/// The strings of a document.
#[derive(Default)]
struct Strings {
    /// Whether a block string was found that does not end. Then no later one does, and none need be looked for to the end again.
    is_open: bool,
}

impl Strings {
    /// Bytes of the string that `rest` begins with.
    fn length(&mut self, rest: &[u8]) -> usize {
        if !rest.starts_with(BLOCK) {
            return line_length(rest);
        }
        let length = if self.is_open {
            None
        } else {
            block_length(rest)
        };
        self.is_open = length.is_none();
        // Without an end the parser takes the first two quotes for an empty string, and goes on behind it.
        length.unwrap_or(2)
    }
}

/// What a block string begins and ends with.
const BLOCK: &[u8] = b"\"\"\"";

/// Bytes of a block string, if it ends.
fn block_length(rest: &[u8]) -> Option<usize> {
    let mut at = BLOCK.len();
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with(BLOCK) {
            return Some(at + BLOCK.len());
        }
        at += if here.starts_with(b"\\\"\"\"") { 4 } else { 1 };
    }
    None
}

/// Bytes of a string on one line. One that does not end there is none, which the parser will say. What follows still counts, so that
/// a stray quote hides nothing.
fn line_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            b'\n' | b'\r' => return at,
            _ => at += 1,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(document: &str) -> Result<(), String> {
        check(document, &EdgeLimits::default())
    }

    fn refused_for(document: &str, reason: &str) {
        let message = checked(document).expect_err(reason);
        assert!(message.contains(reason), "{message}");
    }

    #[test]
    fn deep_documents_are_refused_before_they_are_parsed() {
        refused_for(&format!("{{a(x:{}", "[".repeat(100_000)), "nests deeper");
        refused_for(&format!("{{a(x:{}", "{a:".repeat(3_000)), "nests deeper");
        refused_for(
            &format!(
                "query(${}:{}A{}){{a}}",
                "x",
                "[".repeat(200),
                "]".repeat(200)
            ),
            "nests deeper",
        );
        // A quote that opens nothing hides nothing.
        refused_for(&format!("{{a(x:\"\n{}", "[".repeat(200)), "nests deeper");
        refused_for(
            &format!("{{a(x:\"\\\"\"{}", "[".repeat(200)),
            "nests deeper",
        );
        refused_for(&format!("#\"\n{{a(x:{}", "[".repeat(200)), "nests deeper");
        refused_for(
            &format!("{{a(x:\"\"\"\\\"\"\" \"\"\"{}", "[".repeat(200)),
            "nests deeper",
        );
        // A block string that does not end is an empty string, and the rest is what it is.
        for open in [
            "\"\"\"",
            "\"\"\"x\"",
            "\"\"\"\\\"\"\" ",
            "\"\"\"a\" \\\"\"\"a\" ",
        ] {
            refused_for(
                &format!("{{a(x:[{open}\n{}{}])}}", "[".repeat(200), "]".repeat(200)),
                "nests deeper",
            );
        }
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let brackets = "[".repeat(500);
        for query in [
            format!("{{a(x:\"{brackets}\")}}"),
            format!("{{a(x:\"\\\"{brackets}\")}}"),
            format!("{{a(x:\"\"\"{brackets} \\\"\"\" \" {brackets}\"\"\")}}"),
            format!("{{a # {brackets}\n}}"),
        ] {
            assert_eq!(checked(&query), Ok(()), "{query}");
        }
    }

    #[test]
    fn long_documents_are_refused() {
        refused_for(&format!("{{{}}}", "a ".repeat(10_001)), "tokens");
        assert_eq!(checked(&format!("{{{}}}", "a ".repeat(9_000))), Ok(()));
    }
}
