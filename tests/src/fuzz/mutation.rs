//! What chance does to bytes.

use std::ops::Range;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// The longest input, in bytes.
pub(super) const LONGEST: usize = 64 << 10;

/// How many bytes most ranges have at most.
const SHORT: usize = 16;

/// What readers of texts have trouble with: ends, quotes, brackets, separators, letters of several bytes, halves of letters.
const POINTS: &[&[u8]] = &[
    b"\0",
    b"\x01",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\"",
    b"'",
    b"\\",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\t",
    b" ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"{}",
    b"[]",
    b"\"\"",
    b",",
    b":",
    b";",
    b"=",
    b"&",
    b"%",
    b"%00",
    b"%ff",
    b"+",
    b"-",
    b".",
    b"*",
    b"#",
    b"$",
    b"@",
    b"!",
    b"null",
    b"true",
    b"\\u0000",
    b"\\ud83d",
    b"\\udc00",
    b"\\\"",
    // Broken UTF-8: cut off, half a surrogate pair, beyond the last letter, longer than need be.
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\x80",
    "é".as_bytes(),
    "e\u{301}".as_bytes(),
    "İ".as_bytes(),
    "ß".as_bytes(),
    "ﬃ".as_bytes(),
    "Σ".as_bytes(),
    "日本".as_bytes(),
    "😀".as_bytes(),
    "\u{200d}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{3000}".as_bytes(),
    "\u{feff}".as_bytes(),
    "\u{fffd}".as_bytes(),
    "\u{10ffff}".as_bytes(),
    "\u{201c}".as_bytes(),
];

/// Numbers at the ends of their kinds, and what looks like one.
pub(super) const EXTREMES: &[&str] = &[
    "0",
    "-0",
    "-1",
    "1",
    "00",
    "0.1",
    "-0.0",
    "255",
    "256",
    "1000",
    "1001",
    "9999",
    "10000",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "1.7976931348623157e308",
    "-1.7976931348623157e308",
    "1e308",
    "1e309",
    "1e999",
    "-1e999",
    "1e-999",
    "5e-324",
    "1e99999999999",
    "0x10",
    "+1",
    "NaN",
    "Infinity",
];

/// Pairs in which things are put into each other.
const PAIRS: &[(&[u8], &[u8])] = &[
    (b"[", b"]"),
    (b"{", b"}"),
    (b"(", b")"),
    (b"\"", b"\""),
    (b"{\"a\":", b"}"),
    (b"{a", b"}"),
];

/// Chance, and what it can draw on.
#[derive(Debug)]
pub(super) struct Mutation<'a> {
    pub(super) dice: &'a mut StdRng,
    /// Words of the target's language.
    pub(super) words: &'a [Vec<u8>],
    /// Another input.
    pub(super) other: &'a [u8],
}

impl Mutation<'_> {
    /// Changes `input` in one way, which may be none.
    pub(super) fn apply(&mut self, input: &mut Vec<u8>) {
        match self.dice.random_range(0..16) {
            0 => self.flip(input),
            1 => self.letter(input),
            2 | 3 => self.point(input),
            4 => self.cut(input),
            5 => self.double(input),
            6 => self.shift(input),
            7 => self.splice(input),
            8 => self.borrow(input),
            9..=11 => self.word(input),
            12 | 13 => self.number(input),
            14 => self.repeat(input),
            _ => self.nest(input),
        }
    }

    fn place(&mut self, bytes: &[u8]) -> usize {
        self.dice.random_range(0..=bytes.len())
    }

    /// A part of `bytes`, short for the most part, and maybe empty.
    fn part(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.place(bytes);
        let left = bytes.len() - start;
        let is_any = self.dice.random_ratio(1, 4);
        let most = if is_any { left } else { left.min(SHORT) };
        start..start + self.dice.random_range(0..=most)
    }

    /// Puts `bytes` anywhere, or in the place of a part.
    fn put(&mut self, input: &mut Vec<u8>, bytes: &[u8]) {
        let part = self.part(input);
        let end = if self.dice.random_bool(0.5) {
            part.start
        } else {
            part.end
        };
        drop(input.splice(part.start..end, bytes.iter().copied()));
    }

    fn flip(&mut self, input: &mut [u8]) {
        let place = self.place(input);
        if let Some(byte) = input.get_mut(place) {
            *byte ^= 1_u8 << self.dice.random_range(0..8_u32);
        }
    }

    fn letter(&mut self, input: &mut [u8]) {
        let place = self.place(input);
        if let Some(byte) = input.get_mut(place) {
            *byte = self.dice.random_range(b' '..=b'~');
        }
    }

    fn point(&mut self, input: &mut Vec<u8>) {
        if let Some(point) = POINTS.choose(self.dice) {
            self.put(input, point);
        }
    }

    /// Takes a part out, or the whole end.
    fn cut(&mut self, input: &mut Vec<u8>) {
        let part = self.part(input);
        if self.dice.random_ratio(1, 8) {
            input.truncate(part.start);
        } else {
            drop(input.drain(part));
        }
    }

    fn double(&mut self, input: &mut Vec<u8>) {
        let part = self.part(input);
        let again = input[part.clone()].to_vec();
        drop(input.splice(part.end..part.end, again));
    }

    /// Puts a part somewhere else.
    fn shift(&mut self, input: &mut Vec<u8>) {
        let part = self.part(input);
        let moved: Vec<u8> = input.drain(part).collect();
        let place = self.place(input);
        drop(input.splice(place..place, moved));
    }

    /// The beginning of this one, the end of the other.
    fn splice(&mut self, input: &mut Vec<u8>) {
        let (here, there) = (self.place(input), self.place(self.other));
        input.truncate(here);
        input.extend_from_slice(&self.other[there..]);
    }

    /// A part of the other one.
    fn borrow(&mut self, input: &mut Vec<u8>) {
        let part = self.part(self.other);
        self.put(input, &self.other[part]);
    }

    fn word(&mut self, input: &mut Vec<u8>) {
        match self.words.choose(self.dice) {
            Some(word) => self.put(input, word),
            None => self.point(input),
        }
    }

    /// Another number in the place of one. Where there is none: anywhere.
    fn number(&mut self, input: &mut Vec<u8>) {
        let is_digit = |at: usize| input.get(at).is_some_and(u8::is_ascii_digit);
        let is_start = |at: &usize| is_digit(*at) && (*at == 0 || !is_digit(at - 1));
        let starts: Vec<usize> = (0..input.len()).filter(is_start).collect();
        let Some(extreme) = EXTREMES.choose(self.dice) else {
            return;
        };
        let Some(&start) = starts.choose(self.dice) else {
            self.put(input, extreme.as_bytes());
            return;
        };
        let digits = input[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        let end = start + digits.count();
        drop(input.splice(start..end, extreme.bytes()));
    }

    /// The same part again and again.
    fn repeat(&mut self, input: &mut Vec<u8>) {
        let part = self.part(input);
        let room = LONGEST.saturating_sub(input.len());
        let most = room.checked_div(part.len()).unwrap_or_default();
        let times = most.min(1_usize << self.dice.random_range(1..=12_u32));
        let again = input[part.clone()].repeat(times);
        drop(input.splice(part.end..part.end, again));
    }

    /// Brackets around a part, often within each other.
    fn nest(&mut self, input: &mut Vec<u8>) {
        let part = self.part(input);
        let Some((open, close)) = PAIRS.choose(self.dice) else {
            return;
        };
        let times = 1_usize << self.dice.random_range(0..=9_u32);
        // Without the end as well: what is not closed.
        let closed = if self.dice.random_ratio(1, 4) {
            0
        } else {
            times
        };
        drop(input.splice(part.end..part.end, close.repeat(closed)));
        drop(input.splice(part.start..part.start, open.repeat(times)));
    }
}
