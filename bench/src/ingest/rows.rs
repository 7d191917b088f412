//! The rows that the bare projection loop makes of a batch, by table and column.

use std::collections::BTreeMap;

use super::body::{Body, Call, Details, Prospect};
use crate::load::count;

/// The values of a column.
pub enum Column<'a> {
    Text(Vec<Option<&'a str>>),
    Made(Vec<String>),
    Whole(Vec<i64>),
    Double(Vec<Option<f64>>),
    Flag(Vec<bool>),
}

/// The rows of a table.
#[derive(Default)]
pub struct Table<'a> {
    /// How many.
    pub rows: usize,
    /// Name and values of each column.
    pub columns: Vec<(&'static str, Column<'a>)>,
}

macro_rules! push {
    ($name:ident $variant:ident $type:ty) => {
        fn $name(&mut self, values: impl IntoIterator<Item = (&'static str, $type)>) -> &mut Self {
            for (name, value) in values {
                match self.columns.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, Column::$variant(values))) => values.push(value),
                    _ => self.columns.push((name, Column::$variant(vec![value]))),
                }
            }
            self
        }
    };
}

impl<'a> Table<'a> {
    /// Begins a row, whose values follow.
    fn row(&mut self) -> &mut Self {
        self.rows += 1;
        self
    }

    push!(texts Text Option<&'a str>);
    push!(made Made String);
    push!(wholes Whole i64);
    push!(doubles Double Option<f64>);
    push!(flags Flag bool);
}

/// The tables that the loop writes, and the key by which a row replaces another, where rows may.
pub const TABLES: [(&str, &str); 8] = [
    ("event_index", ""),
    ("calls", ""),
    ("call_prospects", ""),
    ("transcripts", ""),
    ("analyses", ""),
    ("insights", ""),
    ("users", "id"),
    ("prospects", "org_id, id"),
];

/// All rows of a batch, in the order of [`TABLES`].
pub struct Rows<'a>(pub [Table<'a>; 8]);

impl<'a> Rows<'a> {
    /// The rows of these bodies, which stand behind the position `after`.
    pub fn of(bodies: &'a [Body<'a>], after: i64) -> Self {
        let mut rows = Self(std::array::from_fn(|_| Table::default()));
        let mut users = BTreeMap::new();
        let mut prospects = BTreeMap::new();
        for (body, position) in bodies.iter().zip(after + 1..) {
            let call = &body.payload.call;
            let at = ingest::payload::Instant::parse(&body.timestamp)
                .map_or(0, ingest::payload::Instant::micros);
            users.insert(&*call.user.id, (call, position, at));
            for prospect in &call.prospects {
                prospects.insert((&*call.org_id, &*prospect.id), (prospect, position));
            }
            rows.call(body, position, at);
            rows.parts(call, at);
        }
        for (call, position, at) in users.into_values() {
            rows.user(call, position, at);
        }
        for ((org, _), (prospect, position)) in prospects {
            rows.prospect(org, prospect, position);
        }
        rows
    }

    fn call(&mut self, body: &'a Body<'a>, position: i64, at: i64) {
        let [index, calls, _, transcripts, ..] = &mut self.0;
        let call = &body.payload.call;
        let (id, org) = (Some(&*call.id), Some(&*call.org_id));
        index
            .row()
            .texts([("event_id", Some(&*body.id)), ("org_id", org)])
            .texts([("event_type", Some("call.completed")), ("subject_id", id)])
            .texts([("subject_kind", Some("call")), ("body_hash", id)])
            .texts([("outcome", Some("projected"))])
            .wholes([("position", position), ("occurred_at", at), ("size", 0)])
            .flags([("is_example", false)]);
        let scores = call.analysis.iter().filter_map(|analysis| analysis.score);
        let mean = scores.clone().sum::<f64>() / count(scores.count().max(1));
        calls
            .row()
            .texts([("id", id), ("org_id", org)])
            .texts([("user_id", Some(&*call.user.id))])
            .texts([("manager_id", call.user.manager_id.as_deref())])
            .texts([("team_id", call.user.team_id.as_deref())])
            .texts([("title", call.title.as_deref())])
            .texts([("prospect_ids", Some(call.prospect_ids.get()))])
            .doubles([("duration", call.stats.duration), ("score", Some(mean))])
            .wholes([("created_at", at), ("ordered_at", at)])
            .wholes([("last_position", position)])
            .flags([("is_example", false)])
            .made([("attributes_stamp", format!("{at:020}.{}", body.id))]);
        transcripts
            .row()
            .texts([("call_id", id), ("lines", Some(call.transcript.get()))])
            .wholes([("line_count", 0)])
            .wholes([("rep_word_count", 0), ("prospect_word_count", 0)])
            .wholes([("rep_turn_count", 0), ("prospect_turn_count", 0)]);
    }

    fn parts(&mut self, call: &'a Call<'a>, at: i64) {
        let [_, _, of_call, _, analyses, insights, ..] = &mut self.0;
        let id = Some(&*call.id);
        for (ordinal, prospect) in (0..).zip(&call.prospects) {
            let details = &prospect.details;
            of_call
                .row()
                .texts([("call_id", id), ("org_id", Some(&*call.org_id))])
                .texts([("prospect_id", Some(&*prospect.id))])
                .texts([("difficulty", details.difficulty.as_deref())])
                .texts([("industry", details.industry.as_deref())])
                .texts([("job_title", details.job_title.as_deref())])
                .wholes([("ordinal", ordinal), ("call_ordered_at", at)]);
        }
        for (at_list, analysis) in (0..).zip(&call.analysis) {
            analyses
                .row()
                .texts([("call_id", id)])
                .texts([("analysis_type", analysis.analysis_type.as_deref())])
                .texts([("summary", analysis.summary.as_deref())])
                .doubles([("score", analysis.score)])
                .wholes([("ordinal", at_list), ("call_ordered_at", at)]);
            for (kind, list) in analysis.lists() {
                for (ordinal, text) in (0..).zip(list) {
                    let text = Some(&**text);
                    insights
                        .row()
                        .texts([("call_id", id), ("kind", Some(kind))])
                        .texts([("text", text), ("text_key", text)])
                        .wholes([("analysis", at_list), ("ordinal", ordinal)]);
                }
            }
        }
    }

    fn user(&mut self, call: &'a Call<'a>, position: i64, at: i64) {
        let [.., users, _] = &mut self.0;
        let user = &call.user;
        let (name, email) = (user.name.as_deref(), user.email.as_deref());
        users
            .row()
            .texts([("id", Some(&*user.id)), ("org_id", Some(&*call.org_id))])
            .texts([("name", name), ("name_key", name)])
            .texts([("email", email), ("email_key", email)])
            .texts([("image", user.image.as_deref())])
            .texts([("role", user.role.as_deref())])
            .texts([("status", user.status.as_deref())])
            .texts([("customer_id", user.customer_id.as_deref())])
            .texts([("manager_id", user.manager_id.as_deref())])
            .texts([("team_id", user.team_id.as_deref())])
            .doubles([("streak", user.streak)])
            .doubles([("longest_streak", user.longest_streak)])
            .wholes([("ordered_at", at), ("last_position", position)])
            .flags([("is_deleted", false), ("is_example", false)]);
    }

    fn prospect(&mut self, org: &'a str, prospect: &'a Prospect<'a>, position: i64) {
        let [.., prospects] = &mut self.0;
        let details = &prospect.details;
        prospects
            .row()
            .texts([("org_id", Some(org)), ("id", Some(&*prospect.id))])
            .texts([("name", prospect.name.as_deref())])
            .texts([("image_url", prospect.image_url.as_deref())])
            .texts(Details::TEXTS.iter().copied().zip(details.texts()))
            .doubles(Details::NUMBERS.iter().copied().zip(details.numbers()))
            .wholes([("last_position", position)])
            .flags([("is_example", false)]);
    }
}
