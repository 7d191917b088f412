//! The rows of a statement as the JSON that Hookgraph answers with.

use std::io::Write;

use serde::Deserialize;
use serde_json::to_writer;

/// A row of a database, whichever.
pub trait Row {
    /// The text in this column.
    fn text(&self, column: usize) -> anyhow::Result<Option<&str>>;
    /// The number in this column.
    fn double(&self, column: usize) -> anyhow::Result<Option<f64>>;
    /// The whole number in this column.
    fn whole(&self, column: usize) -> anyhow::Result<i64>;
}

/// A line as the transcript's document has it.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "name", default, borrow)]
    speaker_name: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "id", default, borrow)]
    prospect_id: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "text", default, borrow)]
    text: Option<std::borrow::Cow<'a, str>>,
}

/// Collects the rows of one answer.
pub struct Writer {
    question: usize,
    json: Vec<u8>,
    rows: usize,
    /// The call of the last row, or the kind of the last row.
    last: String,
}

impl Writer {
    /// A writer for the question at this place.
    pub fn new(question: usize) -> Self {
        let begin: &[u8] = match question {
            1 => br#"{"data":{"call":"#,
            2 => br#"{"data":{"callReport":{"rows":["#,
            _ => br#"{"data":{"calls":{"nodes":["#,
        };
        let mut json = Vec::with_capacity(16_384);
        json.extend_from_slice(begin);
        Self {
            question,
            json,
            rows: 0,
            last: String::new(),
        }
    }

    /// The next row.
    pub fn row(&mut self, row: &impl Row) -> anyhow::Result<()> {
        match self.question {
            0 => self.call_of_page(row)?,
            1 => self.part_of_call(row)?,
            2 => {
                self.comma();
                write!(self.json, r#"{{"userId":"#)?;
                to_writer(&mut self.json, &row.text(0)?)?;
                write!(
                    self.json,
                    r#","figures":{{"calls":{},"meanScore":"#,
                    row.whole(1)?
                )?;
                to_writer(&mut self.json, &row.double(2)?)?;
                self.json.extend_from_slice(b"}}");
            }
            _ => {
                self.comma();
                self.head(row)?;
                self.json.push(b'}');
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// The whole answer.
    pub fn end(mut self) -> Vec<u8> {
        let end: &[u8] = match (self.question, self.rows) {
            (0, 0) => b"]}}}",
            (0, _) => b"]}]}}}",
            (1, 0) => b"null}}",
            _ => b"]}}}",
        };
        self.json.extend_from_slice(end);
        self.json
    }

    fn comma(&mut self) {
        if self.rows > 0 {
            self.json.push(b',');
        }
    }

    fn head(&mut self, row: &impl Row) -> anyhow::Result<()> {
        write!(self.json, r#"{{"id":"#)?;
        to_writer(&mut self.json, &row.text(0)?)?;
        write!(self.json, r#","title":"#)?;
        to_writer(&mut self.json, &row.text(1)?)?;
        write!(self.json, r#","score":"#)?;
        to_writer(&mut self.json, &row.double(2)?)?;
        Ok(())
    }

    fn call_of_page(&mut self, row: &impl Row) -> anyhow::Result<()> {
        let id = row.text(0)?.unwrap_or_default();
        if id == self.last {
            self.json.push(b',');
        } else {
            if self.rows > 0 {
                self.json.extend_from_slice(b"]},");
            }
            self.head(row)?;
            write!(self.json, r#","user":{{"name":"#)?;
            to_writer(&mut self.json, &row.text(3)?)?;
            write!(self.json, r#"}},"analysis":["#)?;
            id.clone_into(&mut self.last);
        }
        write!(self.json, r#"{{"score":"#)?;
        to_writer(&mut self.json, &row.double(4)?)?;
        write!(self.json, r#","summary":"#)?;
        to_writer(&mut self.json, &row.text(5)?)?;
        self.json.push(b'}');
        Ok(())
    }

    fn part_of_call(&mut self, row: &impl Row) -> anyhow::Result<()> {
        let kind = row.whole(0)?.to_string();
        let first = kind != self.last;
        if kind == "0" {
            write!(self.json, r#"{{"id":"#)?;
            to_writer(&mut self.json, &row.text(1)?)?;
            write!(self.json, r#","title":"#)?;
            to_writer(&mut self.json, &row.text(2)?)?;
            write!(self.json, r#","score":"#)?;
            to_writer(&mut self.json, &row.double(4)?)?;
            write!(self.json, r#","transcript":{{"lines":["#)?;
            let lines: Vec<Line> = serde_json::from_str(row.text(3)?.unwrap_or("[]"))?;
            for (index, line) in lines.iter().enumerate() {
                if index > 0 {
                    self.json.push(b',');
                }
                write!(self.json, r#"{{"index":{index},"speakerName":"#)?;
                to_writer(&mut self.json, &line.speaker_name)?;
                write!(self.json, r#","prospectId":"#)?;
                to_writer(&mut self.json, &line.prospect_id)?;
                write!(self.json, r#","prospectText":"#)?;
                to_writer(&mut self.json, &line.text)?;
                self.json.push(b'}');
            }
            write!(self.json, r#"]}},"prospects":["#)?;
        } else if kind == "1" {
            if !first {
                self.json.push(b',');
            }
            write!(self.json, r#"{{"id":"#)?;
            to_writer(&mut self.json, &row.text(1)?)?;
            write!(self.json, r#","name":"#)?;
            to_writer(&mut self.json, &row.text(2)?)?;
            write!(self.json, r#","details":{{"jobTitle":"#)?;
            to_writer(&mut self.json, &row.text(3)?)?;
            self.json.extend_from_slice(b"}}");
        } else {
            let between: &[u8] = if first { br#"],"analysis":["# } else { b"," };
            self.json.extend_from_slice(between);
            write!(self.json, r#"{{"score":"#)?;
            to_writer(&mut self.json, &row.double(4)?)?;
            write!(self.json, r#","summary":"#)?;
            to_writer(&mut self.json, &row.text(2)?)?;
            self.json.push(b'}');
        }
        self.last = kind;
        Ok(())
    }
}
