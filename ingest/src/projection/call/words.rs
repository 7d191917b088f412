//! The words of a call's title and transcript, in the form in which search finds them.

use std::collections::HashSet;
use std::ops::ControlFlow;

use entity::read_model::call;
use entity::read_model::call_word::Model;

use crate::fold;
use crate::payload::Call;

/// The most that is searched of a text, in bytes; what is spoken behind it is kept and not found. A `tsvector` of PostgreSQL has
/// less than 1 MiB. A webhook's body has no more than that unless somebody sets it so, and few transcripts have half of it.
const MOST_BYTES: usize = 512 * 1024;

pub(super) fn row(row: &call::Model, call: &Call) -> Model {
    let lines = call.transcript.iter();
    let spoken = Words::of(lines.filter_map(|line| line.prospect_text.as_deref()));
    Model {
        call_id: row.id.clone(),
        title: Words::of(call.title.as_deref()).text,
        spoken: spoken.text,
        vocabulary: spoken.vocabulary,
    }
}

/// The words of a text.
struct Words {
    /// Each word with a space of its own on either side, each line on a line.
    text: String,
    /// Each word once.
    vocabulary: String,
}

impl Words {
    fn of<'t>(lines: impl IntoIterator<Item = &'t str>) -> Self {
        // A space more for each word, which has five letters or so.
        let lines: Vec<&str> = lines.into_iter().collect();
        let length: usize = lines.iter().map(|line| line.len() + line.len() / 4).sum();
        let mut text = String::with_capacity(length.min(MOST_BYTES));
        for line in lines {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            let read = fold::each_word(line, |_, word| {
                if text.len() + word.len() + 2 > MOST_BYTES {
                    return ControlFlow::Break(());
                }
                text.push(' ');
                text.push_str(word);
                text.push(' ');
                ControlFlow::Continue(())
            });
            if read.is_break() {
                break;
            }
        }
        let vocabulary = vocabulary(&text);
        Self { text, vocabulary }
    }
}

/// Each word of such a text once, in the order in which they first come.
fn vocabulary(text: &str) -> String {
    let mut seen: HashSet<&str, foldhash::fast::RandomState> = HashSet::default();
    let mut vocabulary = String::new();
    for word in text.split_ascii_whitespace() {
        if seen.insert(word) {
            if !vocabulary.is_empty() {
                vocabulary.push(' ');
            }
            vocabulary.push_str(word);
        }
    }
    vocabulary
}

#[cfg(test)]
mod tests {
    use super::{MOST_BYTES, Words};

    #[test]
    fn each_word_has_spaces_of_its_own_and_each_line_a_line() {
        let words = Words::of(["Can't pay, can’t pay!", "…", "", "Où?", "Pay"]);
        assert_eq!(words.text, " cant  pay  cant  pay \n ou \n pay ");
        assert_eq!(words.vocabulary, "cant pay ou");
        assert_eq!(Words::of(None).text, "");
        assert_eq!(Words::of(["…"]).vocabulary, "");
    }

    #[test]
    fn a_text_ends_with_the_last_word_for_which_there_is_room() {
        let line = "né ".repeat(100) + "fin";
        let words = Words::of(std::iter::repeat_n(line.as_str(), 5_000));
        assert!(words.text.len() <= MOST_BYTES && words.text.len() > MOST_BYTES - 5);
        assert!(words.text.ends_with(' '));
        assert_eq!(words.vocabulary, "ne fin");
    }
}
