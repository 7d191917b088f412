//! An analysis of a call.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(schema_name = "peer", table_name = "analyses")]
pub struct Model {
    pub created_at: DateTimeWithTimeZone,
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub ordinal: i32,
    pub analysis_type: Option<String>,
    pub score: Option<f64>,
    pub summary: Option<String>,
    #[sea_orm(belongs_to, from = "call_id", to = "id")]
    pub call: HasOne<super::call::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
