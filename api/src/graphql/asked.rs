//! Only the columns are read that a document asks for.
//!
//! The rule is coarse and cannot miss: a column that shows in one field alone is read when a field of that name stands anywhere in
//! the document, on whatever type. Keys, what leads to other rows, and what is small are always read. A column that is not read has its
//! empty value in the row's model.

use std::collections::HashSet;

use async_graphql::Name;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use entity::log::refused_request;
use entity::read_model::{
    analysis, call, call_prospect, event_index, org, prospect, state, transcript, user,
};
use sea_orm::{DbErr, EntityTrait, FromQueryResult, QueryResult, QuerySelect, Select, TryGetable};

/// The names of the fields that a document asks for. The default asks for all.
#[derive(Clone, Debug, Default)]
pub struct Asked(Option<HashSet<Name>>);

impl Asked {
    /// Of all operations and fragments of a document.
    pub fn of(document: &ExecutableDocument) -> Self {
        let mut names = HashSet::new();
        let operations = document.operations.iter();
        let fragments = document.fragments.values();
        let sets = operations
            .map(|(_, operation)| &operation.node.selection_set.node)
            .chain(fragments.map(|fragment| &fragment.node.selection_set.node));
        sets.for_each(|set| collect(set, &mut names));
        Self(Some(names))
    }

    /// Whether any field has one of these names.
    pub fn any(&self, names: &[&str]) -> bool {
        let Self(Some(asked)) = self else { return true };
        names.iter().any(|name| asked.contains(*name))
    }

    /// Whether a cursor of a row is asked for: a row's key is then.
    pub fn cursors(&self) -> bool {
        self.any(CURSORS)
    }
}

fn collect(set: &SelectionSet, names: &mut HashSet<Name>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                names.insert(field.node.name.node.clone());
                collect(&field.node.selection_set.node, names);
            }
            Selection::InlineFragment(fragment) => {
                collect(&fragment.node.selection_set.node, names);
            }
            // Fragments are gone through by themselves.
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// The fields that show a row's key.
const CURSORS: &[&str] = &["cursor", "startCursor", "endCursor"];

/// When a column is read.
#[derive(Clone, Copy, Debug)]
enum Read {
    Always,
    /// Nothing that is answered comes from it.
    Never,
    /// When a field of this name is asked for.
    For(&'static str),
    /// It orders a list: when a field of this name is asked for, or any cursor.
    Key(&'static str),
}

impl Read {
    fn is_asked(self, asked: &Asked) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::For(name) => asked.any(&[name]),
            Self::Key(name) => asked.any(&[name]) || asked.cursors(),
        }
    }
}

/// Which columns of a table a document asks for.
#[derive(Clone, Debug)]
pub struct Columns(Vec<bool>);

/// A table of which only a part of the columns is read.
pub trait Slim: EntityTrait {
    /// The columns that `asked` needs.
    fn asked(asked: &Asked) -> Columns;

    /// `select` with those columns alone.
    fn only(select: Select<Self>, columns: &Columns) -> Select<Self>;

    /// The model of a row that begins with those columns.
    fn model(row: &QueryResult, columns: &Columns) -> Result<Self::Model, DbErr>;
}

/// The next column's value, if it was read.
struct Reading<'r> {
    row: &'r QueryResult,
    columns: std::slice::Iter<'r, bool>,
    at: usize,
}

impl Reading<'_> {
    fn next<T: TryGetable + Default>(&mut self) -> Result<T, DbErr> {
        if !self.columns.next().copied().unwrap_or_default() {
            return Ok(T::default());
        }
        let value = self.row.try_get_by_index(self.at)?;
        self.at += 1;
        Ok(value)
    }
}

/// The columns of each table, and when they are read.
macro_rules! slim {
    ($($table:ident { $($column:ident $field:ident $read:expr,)* })*) => {$(
        impl Slim for $table::Entity {
            fn asked(asked: &Asked) -> Columns {
                use Read::{Always, For, Key, Never};
                let _ = (Always, Never, For, Key);
                Columns([$($read),*].iter().map(|read: &Read| read.is_asked(asked)).collect())
            }

            fn only(select: Select<Self>, columns: &Columns) -> Select<Self> {
                let all = [$($table::Column::$column),*];
                let read = all.into_iter().zip(&columns.0).filter(|(_, read)| **read);
                select.select_only().columns(read.map(|(column, _)| column))
            }

            fn model(row: &QueryResult, columns: &Columns) -> Result<$table::Model, DbErr> {
                let mut reading = Reading { row, columns: columns.0.iter(), at: 0 };
                // The fields are evaluated in the order in which they are written here, which is that of the columns.
                Ok($table::Model { $($field: reading.next()?,)* })
            }
        }
    )*};
}

/// Tables whose rows are small: all of their columns are read.
macro_rules! whole {
    ($($table:ident)*) => {$(
        impl Slim for $table::Entity {
            fn asked(_: &Asked) -> Columns {
                Columns(Vec::new())
            }

            fn only(select: Select<Self>, _: &Columns) -> Select<Self> {
                select
            }

            fn model(row: &QueryResult, _: &Columns) -> Result<$table::Model, DbErr> {
                $table::Model::from_query_result(row, "")
            }
        }
    )*};
}

whole! { event_index refused_request state }

slim! {
    org {
        Id id Always,
        Name name For("name"),
        NameKey name_key Key(""),
        Image image For("image"),
        Status status For("status"),
        CreatedAt created_at Always,
        OrderedAt ordered_at Always,
        DeletedAt deleted_at Always,
        IsDeleted is_deleted Always,
        IsExample is_example Always,
        AttributesStamp attributes_stamp Never,
        LifeInstant life_instant Never,
        DeletionInstant deletion_instant Never,
        LastPosition last_position Always,
    }
    user {
        Id id Always,
        OrgId org_id Always,
        Name name For("name"),
        NameKey name_key Key(""),
        Email email For("email"),
        EmailKey email_key Never,
        Image image For("image"),
        Role role For("role"),
        Status status For("status"),
        CustomerId customer_id For("customerId"),
        ManagerId manager_id Always,
        TeamId team_id Always,
        Streak streak Key("streak"),
        LongestStreak longest_streak Key("longestStreak"),
        CreatedAt created_at Always,
        OrderedAt ordered_at Always,
        DeletedAt deleted_at Always,
        IsDeleted is_deleted Always,
        IsExample is_example Always,
        AttributesStamp attributes_stamp Never,
        LifeInstant life_instant Never,
        DeletionInstant deletion_instant Never,
        LastPosition last_position Always,
    }
    call {
        Id id Always,
        OrgId org_id Always,
        UserId user_id Always,
        SentUserId sent_user_id For("userId"),
        ManagerId manager_id For("managerId"),
        TeamId team_id For("teamId"),
        Title title For("title"),
        ProspectIds prospect_ids For("prospectIds"),
        Duration duration Key("duration"),
        Score score Key("score"),
        CreatedAt created_at Always,
        OrderedAt ordered_at Always,
        IsExample is_example Always,
        AttributesStamp attributes_stamp Never,
        LastPosition last_position Always,
    }
    analysis {
        CallId call_id Always,
        Ordinal ordinal Always,
        AnalysisType analysis_type For("analysisType"),
        Score score Key("score"),
        Summary summary For("summary"),
        CallOrderedAt call_ordered_at Always,
    }
    transcript {
        CallId call_id Always,
        LineCount line_count Always,
        RepWordCount rep_word_count Always,
        ProspectWordCount prospect_word_count Always,
        RepTurnCount rep_turn_count Always,
        ProspectTurnCount prospect_turn_count Always,
        Lines lines For("lines"),
    }
    call_prospect {
        CallId call_id Always,
        Ordinal ordinal Always,
        OrgId org_id Always,
        ProspectId prospect_id Always,
        Difficulty difficulty For("difficulty"),
        Industry industry For("industry"),
        JobTitle job_title For("jobTitle"),
        CallOrderedAt call_ordered_at Always,
    }
    prospect {
        OrgId org_id Always,
        Id id Always,
        Name name For("name"),
        ImageUrl image_url For("imageUrl"),
        AdditionalInfo additional_info For("additionalInfo"),
        Age age For("age"),
        BudgetAuthority budget_authority For("budgetAuthority"),
        CommunicationStyle communication_style For("communicationStyle"),
        CompanyName company_name For("companyName"),
        CompanySize company_size For("companySize"),
        DecisionMakingProcess decision_making_process For("decisionMakingProcess"),
        Difficulty difficulty For("difficulty"),
        Education education For("education"),
        Gender gender For("gender"),
        Goals goals For("goals"),
        Industry industry For("industry"),
        InformationSources information_sources For("informationSources"),
        JobTitle job_title For("jobTitle"),
        KeyPerformanceIndicators key_performance_indicators For("keyPerformanceIndicators"),
        KeyResponsibilities key_responsibilities For("keyResponsibilities"),
        Nationality nationality For("nationality"),
        NewTechnologyAttitude new_technology_attitude For("newTechnologyAttitude"),
        ObjectionsToNewTools objections_to_new_tools For("objectionsToNewTools"),
        PainPoints pain_points For("painPoints"),
        PersonalMotivations personal_motivations For("personalMotivations"),
        PreferredVendors preferred_vendors For("preferredVendors"),
        TechSavviness tech_savviness For("techSavviness"),
        YearsOfExperience years_of_experience For("yearsOfExperience"),
        IsExample is_example Always,
        AttributesStamp attributes_stamp Never,
        LastPosition last_position Always,
    }
}
