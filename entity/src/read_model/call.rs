//! A practice call.

use sea_orm::entity::prelude::*;

/// A row of `calls`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "calls")]
pub struct Model {
    /// SalesMagic's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The call's org.
    pub org_id: Option<String>,
    /// The user embedded in the call, else the one it names.
    pub user_id: Option<String>,
    /// `userId` as sent, which may be another than the embedded user's.
    pub sent_user_id: Option<String>,
    /// The user's manager when the call was made.
    pub manager_id: Option<String>,
    /// The user's team when the call was made.
    pub team_id: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// `prospectIds` as sent: a JSON array of texts.
    pub prospect_ids: String,
    /// `stats.duration`, in the unit that SalesMagic sends.
    pub duration: Option<f64>,
    /// Mean of the scores of its analyses, where any has one.
    pub score: Option<f64>,
    /// When the call was made: as it says, else when its event happened.
    pub created_at: Option<i64>,
    /// What lists are sorted by: `created_at`, or 0, which is no time, but comes last. Never null.
    pub ordered_at: i64,
    /// Whether every event that touched this row was an example of the catalogue.
    pub is_example: bool,
    /// Register of the event that the call comes from.
    pub attributes_stamp: String,
    /// Position of that event.
    pub last_position: i64,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
