//! Identifiers in the shapes that `SalesMagic` and Svix use, drawn from the seeded dice.

use crate::Dice;
use rand::{Rng, RngCore};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// `msg_` and 27 base62 characters.
pub(crate) fn message_id(dice: &mut Dice) -> String {
    base62("msg_", 27, dice)
}

/// A prefix and `length` base62 characters.
pub(crate) fn base62(prefix: &str, length: usize, dice: &mut Dice) -> String {
    let mut id = String::with_capacity(prefix.len() + length);
    id.push_str(prefix);
    id.extend((0..length).map(|_| char::from(BASE62[dice.random_range(0..BASE62.len())])));
    id
}

/// A random UUID (version 4, RFC 9562) in lower case.
pub(crate) fn uuid(dice: &mut Dice) -> String {
    let mut bytes = [0; 16];
    dice.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut id = String::with_capacity(36);
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        id.push(char::from(HEX[usize::from(byte >> 4)]));
        id.push(char::from(HEX[usize::from(byte & 0x0f)]));
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn ids_have_the_shapes_of_their_senders() {
        let mut dice = Dice::seed_from_u64(1);
        let message = message_id(&mut dice);
        assert_eq!(message.len(), 31);
        assert!(
            message[4..]
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric())
        );
        let id = uuid(&mut dice);
        assert_eq!(
            id.split('-').map(str::len).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
        assert_eq!(id.as_bytes()[14], b'4');
        assert_ne!(uuid(&mut dice), id);
    }
}
