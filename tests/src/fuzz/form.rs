//! A request in the plain form of a seed: a header a line, and behind an empty line the body.

/// A request that was read from such a text. Nothing of it is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form<'t> {
    /// Names and values of its headers, without the spaces around them. A line without a colon is a name without a value.
    pub headers: Vec<(&'t [u8], &'t [u8])>,
    /// Its body: nothing where there is no empty line.
    pub body: &'t [u8],
}

impl<'t> Form<'t> {
    /// Reads a text, whatever it is.
    pub fn read(text: &'t [u8]) -> Self {
        let end = text.windows(2).position(|two| two == b"\n\n");
        let (head, body) = match end {
            Some(end) => (&text[..end], &text[end + 2..]),
            None => (text, &text[text.len()..]),
        };
        let lines = head.split(|byte| *byte == b'\n');
        Self {
            headers: lines.filter(|line| !line.is_empty()).map(header).collect(),
            body,
        }
    }

    /// The first value of this name.
    pub fn value(&self, name: &[u8]) -> Option<&'t [u8]> {
        let found = self.headers.iter().find(|(given, _)| *given == name);
        found.map(|(_, value)| *value)
    }
}

/// The first letter is of the name, be it a colon: that is how HTTP/2 begins the names of its own.
fn header(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = line.iter().skip(1).position(|byte| *byte == b':');
    let (name, rest) = line.split_at(colon.map_or(line.len(), |at| at + 1));
    let value = rest.strip_prefix(b":").unwrap_or(rest);
    (name.trim_ascii(), value.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn a_request_is_read_line_by_line() {
        let form = Form::read(b":authority: localhost:80\nhost:  a \nnone\n\nbody\n\nmore");
        let expected: [(&[u8], &[u8]); 3] = [
            (b":authority", b"localhost:80"),
            (b"host", b"a"),
            (b"none", b""),
        ];
        assert_eq!(form.headers, expected);
        assert_eq!(form.body, b"body\n\nmore");
        assert_eq!(form.value(b"host"), Some(&b"a"[..]));
        assert_eq!(Form::read(b""), Form::default());
    }
}
