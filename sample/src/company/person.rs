//! Invented people: names from several languages, e-mail addresses in plain ASCII.

use crate::{
    Dice,
    grammar::{Area, Teller},
};

pub(crate) struct Person {
    pub(crate) first: String,
    pub(crate) last: String,
}

impl Person {
    pub(crate) fn any(dice: &mut Dice) -> Self {
        let mut teller = Teller::new(Area::any(dice), ());
        Self {
            first: teller.tell("person.first", dice),
            last: teller.tell("person.last", dice),
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    /// `renee.obrien@domain`; a number above one tells namesakes apart.
    pub(crate) fn email(&self, namesake: usize, domain: &str) -> String {
        let number = if namesake > 1 {
            namesake.to_string()
        } else {
            String::new()
        };
        format!(
            "{}.{}{number}@{domain}",
            ascii(&self.first),
            ascii(&self.last)
        )
    }
}

/// Lower case without accents and signs. Covers the letters of `data/people.txt`, which a test checks.
pub(crate) fn ascii(name: &str) -> String {
    name.chars()
        .flat_map(char::to_lowercase)
        .filter_map(plain)
        .collect()
}

fn plain(letter: char) -> Option<char> {
    Some(match letter {
        'a'..='z' | '0'..='9' => letter,
        'á' | 'ã' | 'ä' => 'a',
        'é' | 'ê' | 'ë' => 'e',
        'í' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' => 'n',
        'ó' | 'ø' => 'o',
        'ü' | 'ú' => 'u',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::phrases;

    #[test]
    fn every_name_has_an_address() {
        for name in phrases("person.first")
            .into_iter()
            .chain(phrases("person.last"))
        {
            assert_eq!(
                ascii(name).chars().count(),
                name.chars().filter(|letter| letter.is_alphabetic()).count(),
                "{name}"
            );
        }
        let person = Person {
            first: "Renée".to_owned(),
            last: "O'Brien".to_owned(),
        };
        assert_eq!(person.email(1, "x.example"), "renee.obrien@x.example");
        assert_eq!(person.email(2, "x.example"), "renee.obrien2@x.example");
    }
}
