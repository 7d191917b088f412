//! The size of a document, before it is parsed.
//!
//! Invariant: strings and comments count as what they are, one token and none; and whatever is no string after all hides nothing.

use crate::http::EdgeLimits;

/// Counts tokens and open brackets without parsing. Strings and comments count as what they are: one token, none.
pub(super) fn check(document: &str, limits: &EdgeLimits) -> Result<(), String> {
    let bytes = document.as_bytes();
    let (mut at, mut tokens, mut open) = (0, 0_usize, 0_usize);
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
            b'"' => string_length(rest).ok_or_else(|| without_end(&document[..at]))?,
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

/// What is said of a block string that begins behind `before` and does not end.
fn without_end(before: &str) -> String {
    let lines = before.split('\n');
    let column = lines
        .clone()
        .next_back()
        .map_or(0, |line| line.chars().count())
        + 1;
    format!(
        "The document cannot be read at line {}, column {column}: the block string that begins there does not end.",
        lines.count()
    )
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+')
}

/// Bytes of the string that `rest` begins with. None: it is a block string that does not end.
///
/// The parser would take its first two quotes for an empty string, go on behind it, and look for the end again at the next one: what it
/// reads then is not what stands there, and takes time that grows with the square of the document.
fn string_length(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(BLOCK) {
        block_length(rest)
    } else {
        Some(line_length(rest))
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
    }

    #[test]
    fn a_block_string_ends() {
        for open in [
            "\"\"\"",
            "\"\"\"x\"",
            "\"\"\"\\\"\"\" ",
            "\"\"\"a\" \\\"\"\"a\" ",
            "\"\"\" \\\"\"\"\"\"",
        ] {
            let document = format!(
                "{{ü\n a(x:[{open}\n{}{}])}}",
                "[".repeat(200),
                "]".repeat(200)
            );
            refused_for(&document, "line 2, column 7: the block string");
        }
        assert_eq!(
            checked("{a(x:\"\"\"\"\"\" y:\"\"\"\\\"\"\"\"\"\" z:\"\")}"),
            Ok(())
        );
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
