//! A call.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(schema_name = "peer", table_name = "calls")]
pub struct Model {
    pub score: Option<f64>,
    pub created_at: DateTimeWithTimeZone,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub org_id: String,
    pub user_id: String,
    pub title: Option<String>,
    pub duration: Option<f64>,
    #[sea_orm(belongs_to, from = "org_id", to = "id")]
    pub org: HasOne<super::org::Entity>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: HasOne<super::user::Entity>,
    #[sea_orm(has_many, via = "call_prospect")]
    pub prospects: HasMany<super::prospect::Entity>,
    #[sea_orm(has_many)]
    pub transcript_lines: HasMany<super::transcript_line::Entity>,
    #[sea_orm(has_many)]
    pub analyses: HasMany<super::analysis::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
