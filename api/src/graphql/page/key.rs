//! Cursors of lists: the key of a row, as an opaque text.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entity::scope::Scope;
use sea_orm::sea_query::SimpleExpr;
use serde::{Deserialize, Serialize};

use super::{OrderOf, Paged};
use crate::graphql::error::{Error, Result};

/// The longest cursor that is read: four times what the longest key takes.
const MAX_CURSOR_BYTES: usize = 8192;

/// One value of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KeyPart {
    /// A time, a position or an ordinal.
    Number(i64),
    /// An id, or the key of a name.
    Text(String),
    /// A number with a fraction. Decimal digits would not say it exactly.
    Real {
        /// As IEEE 754 writes it.
        bits: u64,
    },
}

impl KeyPart {
    /// A number with a fraction.
    pub fn real(number: f64) -> Self {
        Self::Real {
            bits: number.to_bits(),
        }
    }

    /// To compare a column with.
    pub fn expression(&self) -> SimpleExpr {
        match self {
            Self::Number(number) => SimpleExpr::from(*number),
            Self::Text(text) => SimpleExpr::from(text.as_str()),
            Self::Real { bits } => SimpleExpr::from(f64::from_bits(*bits)),
        }
    }

    /// Whether a row can have it. PostgreSQL takes no U+0000 in a text, and no column has one.
    fn is_possible(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Text(text) => !text.contains('\0'),
            Self::Real { bits } => !f64::from_bits(*bits).is_nan(),
        }
    }
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

/// A place in a list: which list in which order, and the values by which the row is ordered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key(String, Vec<KeyPart>);

/// The name of a list: of its table, and of the order if it is not the usual one.
fn name<E: Paged>(order: OrderOf<E>) -> String {
    let table = E::default().table_name().to_owned();
    if order == E::DEFAULT {
        table
    } else {
        format!("{table} {}", order.name())
    }
}

impl Key {
    /// The place of a row.
    pub fn of<E: Paged>(row: &E::Model, order: OrderOf<E>) -> Self {
        let parts = E::parts(order.field);
        let values = parts.iter().map(|part| (part.of)(row));
        Self(name::<E>(order), values.collect())
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
        if !key.1.iter().all(KeyPart::is_possible) {
            return Err(invalid());
        }
        Ok(key)
    }

    /// Checks that this could be the key of a row of `E` in this order.
    pub fn check<E: Paged>(&self, order: OrderOf<E>) -> Result<()> {
        let kind = std::mem::discriminant::<KeyPart>;
        let kinds = E::parts(order.field);
        let kinds = kinds.iter().map(|part| kind(&part.like));
        if self.0 == name::<E>(order) && kinds.eq(self.1.iter().map(kind)) {
            return Ok(());
        }
        let table = self.0.split(' ').next();
        Err(Error::bad_input(
            if table == Some(E::default().table_name()) {
                "This cursor is of the same list in another order: go on with the `orderBy` with which it was answered."
            } else {
                "This cursor is of another list: use the cursors of the list that is asked for."
            },
        ))
    }

    /// The values, to compare columns with: of rows that `scope` sees.
    pub fn values<E: Paged>(&self, order: OrderOf<E>, scope: &Scope) -> Vec<SimpleExpr> {
        let parts = E::parts(order.field);
        let values = parts.iter().zip(&self.1);
        values
            .map(|(part, value)| part.value(value, scope))
            .collect()
    }
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::{Key, KeyPart};

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let mut parts = vec![KeyPart::Number(-7), KeyPart::Text("é\u{1}|".into())];
        for number in [0.1 + 0.2, -0.0, 5e-324, f64::MAX, f64::NEG_INFINITY] {
            parts.push(KeyPart::real(number));
        }
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
            encode(r#"["calls",[{}]]"#),
            encode(r#"["calls",[{"bits":-1}]]"#),
            encode(r#"["calls",[{"bits":9221120237041090560}]]"#),
        ] {
            assert!(Key::decode(&cursor).is_err(), "{cursor}");
        }
    }
}
