//! A line of a call's transcript.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(schema_name = "peer", table_name = "transcript_lines")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub index: i32,
    pub speaker: String,
    pub speaker_name: Option<String>,
    pub prospect_id: Option<String>,
    pub prospect_text: Option<String>,
    pub created_at: Option<DateTimeWithTimeZone>,
    #[sea_orm(belongs_to, from = "call_id", to = "id")]
    pub call: HasOne<super::call::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
