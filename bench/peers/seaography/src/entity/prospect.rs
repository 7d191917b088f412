//! A prospect.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(schema_name = "peer", table_name = "prospects")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub org_id: String,
    pub name: Option<String>,
    pub company_name: Option<String>,
    pub job_title: Option<String>,
    pub industry: Option<String>,
    pub difficulty: Option<String>,
    #[sea_orm(belongs_to, from = "org_id", to = "id")]
    pub org: HasOne<super::org::Entity>,
    #[sea_orm(has_many, via = "call_prospect")]
    pub calls: HasMany<super::call::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
