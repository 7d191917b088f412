//! That a prospect was in a call.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(schema_name = "peer", table_name = "call_prospects")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub prospect_id: String,
    #[sea_orm(belongs_to, from = "call_id", to = "id")]
    pub call: HasOne<super::call::Entity>,
    #[sea_orm(belongs_to, from = "prospect_id", to = "id")]
    pub prospect: HasOne<super::prospect::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
