//! What a search shows: a call, how often it says what is searched, and where.

use std::ops::Range;

use async_graphql::{Context, Object, SimpleObject};
use entity::read_model::transcript;
use futures_util::future::try_join;

use super::SearchText;
use super::highlight::places;
use crate::graphql::error::{Error, Result};
use crate::graphql::loader::{CallId, TranscriptOf};
use crate::graphql::object::{Call, TranscriptLine, load};
use crate::graphql::page::Node;

/// Lines of a call unless a query asks for more or fewer.
const DEFAULT_LINES: usize = 10;

/// Lines of a call at most.
const MOST_LINES: usize = 100;

/// What finding its lines costs a result, beside what is asked of each.
pub const LINES_COST: usize = 10;

/// A call that says what is searched.
pub struct SearchResult {
    call_id: String,
    matches: i64,
    query: SearchText,
}

impl SearchResult {
    pub(super) fn new(call_id: String, matches: i64, query: SearchText) -> Self {
        Self {
            call_id,
            matches,
            query,
        }
    }
}

impl Node for SearchResult {
    type Row = Self;

    fn from_row(row: Self) -> Self {
        row
    }
}

/// A call that says what is searched.
#[Object]
impl SearchResult {
    /// The call.
    async fn call(&self, ctx: &Context<'_>) -> Result<Call> {
        let call = load(ctx, Some(CallId(self.call_id.clone()))).await?;
        let call = call.ok_or_else(|| Error::internal("a call that was found is not there"))?;
        Ok(Call(call))
    }

    /// How often the call says what is searched: the occurrences of all words, phrases and beginnings that were given, together. Results with
    /// more come first.
    async fn match_count(&self) -> i32 {
        i32::try_from(self.matches).unwrap_or(i32::MAX)
    }

    /// The lines in which a word, phrase or beginning that was given stands, in the order in which they were spoken.
    #[graphql(complexity = "LINES_COST + line_cost(first).saturating_mul(child_complexity)")]
    async fn lines(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many lines at most: 10 unless said, up to 100.")] first: Option<i32>,
    ) -> Result<Vec<MatchingLine>> {
        let most = match first {
            None => DEFAULT_LINES,
            Some(first) => usize::try_from(first)
                .ok()
                .filter(|first| *first <= MOST_LINES)
                .ok_or_else(|| {
                    Error::bad_input("`first` is the number of lines, from 0 to 100.")
                })?,
        };
        let id = &self.call_id;
        let asks_who_speaks = ctx.look_ahead().field("line").field("speaker").exists();
        let call = asks_who_speaks.then(|| CallId(id.clone()));
        // At once: so the call is read together with those that `call` asks for.
        let (row, call) =
            try_join(load(ctx, Some(TranscriptOf(id.clone()))), load(ctx, call)).await?;
        let Some(row) = row else {
            return Ok(Vec::new());
        };
        let lines: Vec<transcript::Line> =
            serde_json::from_str(&row.lines).map_err(|error| Error::internal(&error))?;
        let matching = (0..).zip(lines).filter_map(|(index, line)| {
            let places = places(self.query.search(), line.prospect_text.as_deref()?);
            (!places.is_empty()).then(|| MatchingLine {
                line: TranscriptLine::of(index, line, call.as_ref()),
                highlights: places.into_iter().map(HighlightRange::from).collect(),
            })
        });
        Ok(matching.take(most).collect())
    }
}

/// How many lines a query is taken to ask for.
fn line_cost(first: Option<i32>) -> usize {
    let asked = first.and_then(|lines| usize::try_from(lines).ok());
    asked.map_or(DEFAULT_LINES, |lines| lines.clamp(1, MOST_LINES))
}

/// A line in which something of what is searched stands.
#[derive(SimpleObject)]
pub struct MatchingLine {
    /// The line.
    line: TranscriptLine,
    /// The places in its `prospectText`, in their order. They neither overlap nor touch.
    highlights: Vec<HighlightRange>,
}

/// A place in a text, in UTF-16 code units, as JavaScript counts: `text.slice(start, end)` is what was found.
#[derive(SimpleObject)]
pub struct HighlightRange {
    /// Where it begins.
    start: i32,
    /// Where it ends: the first unit behind it.
    end: i32,
}

impl From<Range<usize>> for HighlightRange {
    fn from(place: Range<usize>) -> Self {
        let unit = |at| i32::try_from(at).unwrap_or(i32::MAX);
        Self {
            start: unit(place.start),
            end: unit(place.end),
        }
    }
}
