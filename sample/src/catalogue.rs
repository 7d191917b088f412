//! The six examples of `SalesMagic`'s published event catalogue, byte for byte.
//!
//! Four of them say `"type": "string"`; the Testing tab of the Svix portal sends them so, signed. They are the contract
//! for field names: never edit the files in `examples/`.

use crate::{Delivery, Dice, identifier};
use rand::SeedableRng;

/// One published example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// The event type under which the catalogue lists it.
    pub event_type: &'static str,
    /// The body as published.
    pub body: &'static str,
}

/// All of them, in the order in which such events would happen.
pub const EXAMPLES: [Example; 6] = [
    Example {
        event_type: "org.updated",
        body: include_str!("../examples/org.updated.json"),
    },
    Example {
        event_type: "user.created",
        body: include_str!("../examples/user.created.json"),
    },
    Example {
        event_type: "user.updated",
        body: include_str!("../examples/user.updated.json"),
    },
    Example {
        event_type: "call.completed",
        body: include_str!("../examples/call.completed.json"),
    },
    Example {
        event_type: "user.deleted",
        body: include_str!("../examples/user.deleted.json"),
    },
    Example {
        event_type: "org.deleted",
        body: include_str!("../examples/org.deleted.json"),
    },
];

const TYPE_KEY: &str = "\"type\": \"";

impl Example {
    /// The same body with the true event type in place of the placeholder; nothing else changes, not even a space.
    pub fn with_true_type(&self) -> String {
        // The envelope's type is the last key of every example, and no payload has a key of that name.
        let (before, rest) = self.body.rsplit_once(TYPE_KEY).unwrap_or((self.body, ""));
        let after = rest.split_once('"').map_or("", |(_, after)| after);
        format!("{before}{TYPE_KEY}{}\"{after}", self.event_type)
    }
}

/// The six examples as published, under message ids that follow from `seed`.
pub fn deliveries(seed: u64) -> impl Iterator<Item = Delivery> {
    let mut dice = Dice::seed_from_u64(seed);
    EXAMPLES.into_iter().map(move |example| Delivery {
        message_id: identifier::message_id(&mut dice),
        event_type: example.event_type.to_owned(),
        body: example.body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// Lengths and a checksum of the published files: an editor that reformats JSON must fail here.
    #[test]
    fn the_examples_are_byte_for_byte_as_published() {
        let sums: Vec<_> = EXAMPLES
            .iter()
            .map(|example| (example.event_type, example.body.len(), fnv1a(example.body)))
            .collect();
        let published = [
            ("org.updated", 346, 0xbe84_b2d8_5db7_74dd),
            ("user.created", 572, 0x44c7_2ceb_6c29_533b),
            ("user.updated", 572, 0x7da3_aa55_7b51_77da),
            ("call.completed", 3076, 0x3b0b_c8fb_6ae2_eb99),
            ("user.deleted", 572, 0xdb85_869e_c88c_f000),
            ("org.deleted", 346, 0x4616_0fe6_3b10_f7e5),
        ];
        assert_eq!(sums, published);
    }

    #[test]
    fn the_true_type_is_all_that_changes() {
        for example in EXAMPLES {
            let typed = example.with_true_type();
            let value: Value = serde_json::from_str(&typed).unwrap();
            assert_eq!(value["type"], example.event_type);
            let published: Value = serde_json::from_str(example.body).unwrap();
            let as_published = published["type"].as_str().unwrap();
            let declared = format!("\"type\": \"{}\"", example.event_type);
            assert_eq!(
                typed.replace(&declared, &format!("\"type\": \"{as_published}\"")),
                example.body
            );
        }
    }

    #[test]
    fn a_seed_decides_the_message_ids() {
        let ids = |seed| {
            deliveries(seed)
                .map(|delivery| delivery.message_id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
        assert_eq!(ids(7).len(), 6);
    }

    fn fnv1a(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}
