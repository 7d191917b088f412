//! A user as last described, and whether they are deleted.

use sea_orm::entity::prelude::*;

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// SalesMagic's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The user's org.
    pub org_id: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// The words of the name, folded, for sorting; empty without a name.
    pub name_key: String,
    /// E-mail address.
    pub email: Option<String>,
    /// The e-mail address in small letters, for comparing.
    pub email_key: Option<String>,
    /// Address of their picture.
    pub image: Option<String>,
    /// Role, as sent.
    pub role: Option<String>,
    /// Status, as sent.
    pub status: Option<String>,
    /// Customer id, as sent.
    pub customer_id: Option<String>,
    /// Their manager's id.
    pub manager_id: Option<String>,
    /// Their team's id.
    pub team_id: Option<String>,
    /// Current streak, as sent.
    pub streak: Option<f64>,
    /// Longest streak, as sent.
    pub longest_streak: Option<f64>,
    /// When they were created.
    pub created_at: Option<i64>,
    /// What lists are sorted by: `created_at`, or the nearest known time. Never null.
    pub ordered_at: i64,
    /// When it was deleted, if it is and the event said when.
    pub deleted_at: Option<i64>,
    /// Whether it is deleted.
    pub is_deleted: bool,
    /// Whether every event that touched this row was an example of the catalogue.
    pub is_example: bool,
    /// Register of the event that the attributes come from; `None` while only the id has been seen.
    pub attributes_stamp: Option<String>,
    /// Register of the latest created or updated event.
    pub life_instant: Option<String>,
    /// Register of the latest deleted event.
    pub deletion_instant: Option<String>,
    /// Position of the event that the attributes come from.
    pub last_position: Option<i64>,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
