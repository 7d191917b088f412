//! The tables of the CSV export: their columns, and the one statement that reads each.
//!
//! A statement's rows come in the order of (time, id) of the call. For calls and analyses an index gives that order; insights the
//! database sorts, on its disk where they are many.

use std::fmt::{self, Display};
use std::io;

use clap::ValueEnum;
use entity::read_model::{analysis, call, call_prospect, insight, org, prospect, transcript, user};
use sea_orm::{
    DatabaseTransaction, DbErr, EntityTrait, FromQueryResult, JoinType, PaginatorTrait, QueryOrder,
    QuerySelect, RelationDef, Select,
};

use super::csv::Cells;

/// A table of the CSV export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Table {
    /// One row a call
    Calls,
    /// One row an analysis of a call
    Analyses,
    /// One row an entry of an analysis's lists: objections, competitors, ...
    Insights,
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Calls => "calls",
            Self::Analyses => "analyses",
            Self::Insights => "insights",
        })
    }
}

/// A row of a table. The database may give it in several parts, one behind the other.
pub(super) trait Row: FromQueryResult + Send + Sync {
    type Entity: EntityTrait<Model: Send + Sync>;

    /// The names of the columns.
    const NAMES: &'static [&'static str];

    fn select() -> Select<Self::Entity>;

    fn write(&self, cells: &mut Cells) -> io::Result<()>;

    /// Whether `part` belongs to this row.
    fn continues_in(&self, _part: &Self) -> bool {
        false
    }

    fn take(&mut self, _part: Self) {}

    async fn count(snapshot: &DatabaseTransaction) -> Result<u64, DbErr> {
        Self::Entity::find().count(snapshot).await
    }
}

/// A call; a part of it for each of its prospects.
#[derive(FromQueryResult)]
pub(super) struct Call {
    id: String,
    title: Option<String>,
    org_id: Option<String>,
    org_name: Option<String>,
    user_id: Option<String>,
    user_name: Option<String>,
    user_email: Option<String>,
    manager_id: Option<String>,
    team_id: Option<String>,
    created_at: Option<i64>,
    duration: Option<f64>,
    score: Option<f64>,
    prospect_id: Option<String>,
    prospect_name: Option<String>,
    line_count: Option<i32>,
    rep_word_count: Option<i32>,
    prospect_word_count: Option<i32>,
    rep_turn_count: Option<i32>,
    prospect_turn_count: Option<i32>,
    is_example: bool,
    #[sea_orm(skip)]
    more_prospects: Vec<(Option<String>, Option<String>)>,
}

impl Row for Call {
    type Entity = call::Entity;

    const NAMES: &'static [&'static str] = &[
        "id",
        "title",
        "org_id",
        "org_name",
        "user_id",
        "user_name",
        "user_email",
        "manager_id",
        "team_id",
        "created_at",
        "duration",
        "score",
        "prospect_ids",
        "prospect_names",
        "line_count",
        "rep_word_count",
        "prospect_word_count",
        "rep_turn_count",
        "prospect_turn_count",
        "example",
    ];

    fn select() -> Select<call::Entity> {
        let org: RelationDef = call::Entity::belongs_to(org::Entity)
            .from(call::Column::OrgId)
            .to(org::Column::Id)
            .into();
        let transcript: RelationDef = call::Entity::belongs_to(transcript::Entity)
            .from(call::Column::Id)
            .to(transcript::Column::CallId)
            .into();
        let its_prospects: RelationDef = call::Entity::belongs_to(call_prospect::Entity)
            .from(call::Column::Id)
            .to(call_prospect::Column::CallId)
            .into();
        let prospect: RelationDef = call_prospect::Entity::belongs_to(prospect::Entity)
            .from((
                call_prospect::Column::OrgId,
                call_prospect::Column::ProspectId,
            ))
            .to((prospect::Column::OrgId, prospect::Column::Id))
            .into();
        call::Entity::find()
            .column_as(org::Column::Name, "org_name")
            .column_as(user::Column::Name, "user_name")
            .column_as(user::Column::Email, "user_email")
            .columns([
                transcript::Column::LineCount,
                transcript::Column::RepWordCount,
                transcript::Column::ProspectWordCount,
                transcript::Column::RepTurnCount,
                transcript::Column::ProspectTurnCount,
            ])
            .column(call_prospect::Column::ProspectId)
            .column_as(prospect::Column::Name, "prospect_name")
            .join(JoinType::LeftJoin, org)
            .join(JoinType::LeftJoin, user_of_call())
            .join(JoinType::LeftJoin, transcript)
            .join(JoinType::LeftJoin, its_prospects)
            .join(JoinType::LeftJoin, prospect)
            .order_by_asc(call::Column::OrderedAt)
            .order_by_asc(call::Column::Id)
            .order_by_asc(call_prospect::Column::Ordinal)
    }

    fn continues_in(&self, part: &Self) -> bool {
        self.id == part.id
    }

    fn take(&mut self, part: Self) {
        self.more_prospects
            .push((part.prospect_id, part.prospect_name));
    }

    fn write(&self, cells: &mut Cells) -> io::Result<()> {
        cells.text(Some(&self.id))?;
        cells.text(self.title.as_deref())?;
        cells.text(self.org_id.as_deref())?;
        cells.text(self.org_name.as_deref())?;
        cells.text(self.user_id.as_deref())?;
        cells.text(self.user_name.as_deref())?;
        cells.text(self.user_email.as_deref())?;
        cells.text(self.manager_id.as_deref())?;
        cells.text(self.team_id.as_deref())?;
        cells.time(self.created_at)?;
        cells.plain(self.duration)?;
        cells.plain(self.score)?;
        let [ids, names] = self.prospects();
        cells.text(Some(&ids))?;
        cells.text(Some(&names))?;
        cells.plain(self.line_count)?;
        cells.plain(self.rep_word_count)?;
        cells.plain(self.prospect_word_count)?;
        cells.plain(self.rep_turn_count)?;
        cells.plain(self.prospect_turn_count)?;
        cells.plain(Some(self.is_example))
    }
}

impl Call {
    /// Ids and names of its prospects that have an id, as `Call.prospects` of the API shows them.
    fn prospects(&self) -> [String; 2] {
        let first = (&self.prospect_id, &self.prospect_name);
        let more = self.more_prospects.iter().map(|(id, name)| (id, name));
        let known = std::iter::once(first)
            .chain(more)
            .filter_map(|(id, name)| Some((id.as_deref()?, name.as_deref().unwrap_or_default())));
        let (ids, names): (Vec<&str>, Vec<&str>) = known.unzip();
        [ids.join(";"), names.join(";")]
    }
}

/// An analysis.
#[derive(FromQueryResult)]
#[expect(clippy::struct_field_names, reason = "the names are the columns'")]
pub(super) struct Analysis {
    call_id: String,
    ordinal: i32,
    analysis_type: Option<String>,
    score: Option<f64>,
    summary: Option<String>,
    created_at: Option<i64>,
    org_id: Option<String>,
    user_id: Option<String>,
    user_name: Option<String>,
    team_id: Option<String>,
    manager_id: Option<String>,
    is_example: bool,
}

impl Row for Analysis {
    type Entity = analysis::Entity;

    const NAMES: &'static [&'static str] = &[
        "call_id",
        "analysis_index",
        "analysis_type",
        "score",
        "summary",
        "created_at",
        "org_id",
        "user_id",
        "user_name",
        "team_id",
        "manager_id",
        "example",
    ];

    fn select() -> Select<analysis::Entity> {
        let call: RelationDef = analysis::Entity::belongs_to(call::Entity)
            .from(analysis::Column::CallId)
            .to(call::Column::Id)
            .into();
        analysis::Entity::find()
            .columns([
                call::Column::CreatedAt,
                call::Column::OrgId,
                call::Column::UserId,
                call::Column::TeamId,
                call::Column::ManagerId,
                call::Column::IsExample,
            ])
            .column_as(user::Column::Name, "user_name")
            .join(JoinType::InnerJoin, call)
            .join(JoinType::LeftJoin, user_of_call())
            .order_by_asc(analysis::Column::CallOrderedAt)
            .order_by_asc(analysis::Column::CallId)
            .order_by_asc(analysis::Column::Ordinal)
    }

    fn write(&self, cells: &mut Cells) -> io::Result<()> {
        cells.text(Some(&self.call_id))?;
        cells.plain(Some(self.ordinal))?;
        cells.text(self.analysis_type.as_deref())?;
        cells.plain(self.score)?;
        cells.text(self.summary.as_deref())?;
        cells.time(self.created_at)?;
        cells.text(self.org_id.as_deref())?;
        cells.text(self.user_id.as_deref())?;
        cells.text(self.user_name.as_deref())?;
        cells.text(self.team_id.as_deref())?;
        cells.text(self.manager_id.as_deref())?;
        cells.plain(Some(self.is_example))
    }
}

/// An entry of one of an analysis's lists.
#[derive(FromQueryResult)]
pub(super) struct Insight {
    call_id: String,
    analysis: i32,
    analysis_type: Option<String>,
    kind: String,
    ordinal: i32,
    text: String,
    created_at: Option<i64>,
    org_id: Option<String>,
    user_id: Option<String>,
    user_name: Option<String>,
    is_example: bool,
}

impl Row for Insight {
    type Entity = insight::Entity;

    const NAMES: &'static [&'static str] = &[
        "call_id",
        "analysis_index",
        "analysis_type",
        "kind",
        "ordinal",
        "text",
        "created_at",
        "org_id",
        "user_id",
        "user_name",
        "example",
    ];

    fn select() -> Select<insight::Entity> {
        let analysis: RelationDef = insight::Entity::belongs_to(analysis::Entity)
            .from((insight::Column::CallId, insight::Column::Analysis))
            .to((analysis::Column::CallId, analysis::Column::Ordinal))
            .into();
        let call: RelationDef = insight::Entity::belongs_to(call::Entity)
            .from(insight::Column::CallId)
            .to(call::Column::Id)
            .into();
        insight::Entity::find()
            .column(analysis::Column::AnalysisType)
            .columns([
                call::Column::CreatedAt,
                call::Column::OrgId,
                call::Column::UserId,
                call::Column::IsExample,
            ])
            .column_as(user::Column::Name, "user_name")
            .join(JoinType::InnerJoin, analysis)
            .join(JoinType::InnerJoin, call)
            .join(JoinType::LeftJoin, user_of_call())
            .order_by_asc(analysis::Column::CallOrderedAt)
            .order_by_asc(analysis::Column::CallId)
            .order_by_asc(analysis::Column::Ordinal)
            .order_by_asc(insight::Column::Kind)
            .order_by_asc(insight::Column::Ordinal)
    }

    fn write(&self, cells: &mut Cells) -> io::Result<()> {
        cells.text(Some(&self.call_id))?;
        cells.plain(Some(self.analysis))?;
        cells.text(self.analysis_type.as_deref())?;
        cells.text(Some(&self.kind))?;
        cells.plain(Some(self.ordinal))?;
        cells.text(Some(&self.text))?;
        cells.time(self.created_at)?;
        cells.text(self.org_id.as_deref())?;
        cells.text(self.user_id.as_deref())?;
        cells.text(self.user_name.as_deref())?;
        cells.plain(Some(self.is_example))
    }
}

fn user_of_call() -> RelationDef {
    call::Entity::belongs_to(user::Entity)
        .from(call::Column::UserId)
        .to(user::Column::Id)
        .into()
}
