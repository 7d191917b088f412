//! What must not be in a log: gathered while a test runs, and looked for when its server is gone, whatever the test is about.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aho_corasick::AhoCorasick;
use serde_json::Value;

/// The shortest text that is looked for. A shorter one may stand in a log by chance.
const SHORTEST: usize = 16;

/// The shortest e-mail address that is looked for.
const SHORTEST_ADDRESS: usize = 6;

/// As much of a text is looked for.
const LONGEST: usize = 60;

/// Texts of one installation that are looked for: whoever sends thousands of events need not have all of them looked for.
const MOST: usize = 2_000;

/// The texts of one installation.
#[derive(Clone, Debug, Default)]
pub struct Private(Arc<Mutex<BTreeSet<String>>>);

/// The texts of installations that share a database: each logs what others were sent.
static SHARED: Mutex<BTreeMap<String, Private>> = Mutex::new(BTreeMap::new());

impl Private {
    /// The texts of all installations on the database at this address.
    pub fn of_database(url: &str) -> Self {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.entry(url.to_owned()).or_default().clone()
    }

    /// A secret, or a token.
    pub fn add_secret(&self, secret: &str) {
        // Some parts of it only say what it is, or which one.
        let parts = secret.split(['_', '.', ' ']);
        let parts = parts.filter(|part| part.len() >= SHORTEST);
        self.lock().extend(parts.map(str::to_owned));
    }

    /// A body that is sent: its e-mail addresses, and whatever else in it are words and not an id.
    pub fn add_body(&self, body: &[u8]) {
        if self.lock().len() < MOST
            && let Ok(body) = serde_json::from_slice(body)
        {
            self.add_value(&body);
        }
    }

    /// Likewise of a value.
    pub fn add_value(&self, value: &Value) {
        match value {
            Value::String(text) => self.add_text(text),
            Value::Array(values) => values.iter().for_each(|value| self.add_value(value)),
            Value::Object(fields) => fields.values().for_each(|value| self.add_value(value)),
            _ => {}
        }
    }

    /// What a document has in quotes.
    pub fn add_document(&self, document: &str) {
        let texts = document.split('"').skip(1).step_by(2);
        texts.for_each(|text| self.add_text(text));
    }

    fn add_text(&self, text: &str) {
        let is_address = |text: &str| text.contains('@') && !text.contains([' ', '"', '\\']);
        if is_address(text) && text.len() >= SHORTEST_ADDRESS {
            // As a log shows it, and as an address of HTTP has it.
            let encoded = text.replace('@', "%40");
            self.lock().extend([text.to_owned(), encoded]);
        }
        if !text.contains([' ', '@']) {
            return;
        }
        // A log may write other letters in its own way.
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || " @.,-_".contains(letter);
        let parts = text.split(|letter| !is_plain(letter));
        let longest = parts.max_by_key(|part| part.len()).unwrap_or_default();
        let longest = &longest[..longest.len().min(LONGEST)];
        if longest.len() >= SHORTEST {
            let encoded = ["%20", "+"].map(|space| longest.replace(' ', space));
            self.lock().extend(encoded);
            self.lock().insert(longest.to_owned());
        }
    }

    /// Looks for them in a log.
    ///
    /// # Errors
    /// One is in it: which one, and the line.
    pub fn look_for(&self, log: &Path) -> Result<(), String> {
        let log = fs::read(log).expect("there is a log");
        let texts: Vec<String> = self.lock().iter().cloned().collect();
        let search = AhoCorasick::new(&texts).expect("they can be looked for");
        let Some(found) = search.find(&log) else {
            return Ok(());
        };
        let begins = log[..found.start()].iter().rposition(|byte| *byte == b'\n');
        let line = &log[begins.map_or(0, |at| at + 1)..];
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = &line[..line.len().min(2_000)];
        Err(format!(
            "{:?} is in the log: {}",
            texts[found.pattern().as_usize()],
            String::from_utf8_lossy(line)
        ))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_private_is_found_in_a_log() {
        let private = Private::default();
        private.add_secret("whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=");
        private.add_secret("Bearer hg_0123456789_abcdefghijklmnopqrstuvwxyz");
        private.add_secret("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJlLXNpZ25hdHVyZQ");
        private.add_value(&json!({
            "id": "an-id-that-is-rather-long",
            "user": { "email": "somebody@example.com" },
            "lines": [{ "text": "It is \"too expensive for us\", I fear." }],
            "note": "too short",
            "manager": "ada@x.org",
        }));
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        for (line, is_private) in [
            ("all is well", false),
            ("id=an-id-that-is-rather-long", false),
            ("token 0123456789", false),
            ("secret whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=", true),
            (
                "authorization: hg_0123456789_abcdefghijklmnopqrstuvwxyz",
                true,
            ),
            ("jwt eyJ.c2lnbmF0dXJlLXNpZ25hdHVyZQ", true),
            ("user \"somebody@example.com\"", true),
            ("user ada@x.org", true),
            ("GET /graphql?query=ada%40x.org", true),
            ("GET /graphql?query=too%20expensive%20for%20us", true),
            ("GET /graphql?query=too+expensive+for+us", true),
            (
                "text: \"It is \\\"too expensive for us\\\", I fear.\"",
                true,
            ),
        ] {
            fs::write(&log, format!("before\n{line}\nafter")).expect("a file");
            let found = private.look_for(&log);
            assert_eq!(found.is_err(), is_private, "{line}");
            if let Err(found) = found {
                assert!(found.ends_with(line), "{found}");
            }
        }
    }
}
