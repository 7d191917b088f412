//! Cursors of lists: the key of a row, as an opaque text.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{ColumnTrait, ColumnType};
use serde::{Deserialize, Serialize};

use super::Paged;
use crate::graphql::error::{Error, Result};

/// The longest cursor that is read: four times what the longest key takes.
const MAX_CURSOR_BYTES: usize = 8192;

/// One value of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KeyPart {
    /// A time, a position or an ordinal.
    Number(i64),
    /// An id.
    Text(String),
}

impl From<i64> for KeyPart {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<i32> for KeyPart {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&String> for KeyPart {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

/// A place in a list: which table is listed, and the values by which the row is ordered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key(String, Vec<KeyPart>);

impl Key {
    /// The place of a row.
    pub fn of<E: Paged>(row: &E::Model) -> Self {
        Self(E::default().table_name().to_owned(), E::key(row))
    }

    /// The key as a cursor.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::json!(self).to_string())
    }

    /// Reads a cursor.
    pub fn decode(cursor: &str) -> Result<Self> {
        let invalid = || {
            Error::bad_input(
                "This is not a cursor of this server: use `cursor`, `startCursor` or `endCursor` as it was answered.",
            )
        };
        if cursor.len() > MAX_CURSOR_BYTES {
            return Err(invalid());
        }
        let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let key: Self = serde_json::from_slice(&json).map_err(|_| invalid())?;
        // PostgreSQL takes no U+0000 in a text, and no id has one.
        let has_nul = |part: &KeyPart| matches!(part, KeyPart::Text(text) if text.contains('\0'));
        if key.1.iter().any(has_nul) {
            return Err(invalid());
        }
        Ok(key)
    }

    /// Whether this could be the key of a row of `E`.
    pub fn fits<E: Paged>(&self) -> bool {
        let order = E::order();
        self.0 == E::default().table_name()
            && order.len() == self.1.len()
            && order.iter().zip(&self.1).all(|(column, part)| {
                matches!(
                    (column.def().get_column_type(), part),
                    (
                        ColumnType::BigInteger | ColumnType::Integer,
                        KeyPart::Number(_)
                    ) | (ColumnType::String(_) | ColumnType::Text, KeyPart::Text(_))
                )
            })
    }

    /// The values, to compare columns with.
    pub fn values(&self) -> impl Iterator<Item = SimpleExpr> {
        self.1.iter().map(|part| match part {
            KeyPart::Number(number) => SimpleExpr::from(*number),
            KeyPart::Text(text) => SimpleExpr::from(text.as_str()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, KeyPart};

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let parts = vec![KeyPart::Number(-7), KeyPart::Text("é\u{1}|".into())];
        let key = Key("calls".into(), parts);
        assert_eq!(Key::decode(&key.encode()).unwrap(), key);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        use base64::Engine;
        let encode = |json: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json);
        for cursor in [
            String::new(),
            "?".into(),
            "x".repeat(9000),
            encode("{}"),
            encode("[1]"),
            encode(r#"["calls",[1.5]]"#),
            encode(r#"["calls",["\u0000"]]"#),
            encode(r#"["calls",[[1]]]"#),
        ] {
            assert!(Key::decode(&cursor).is_err(), "{cursor}");
        }
    }
}
