//! An entry of one of an analysis's nine lists.

use sea_orm::entity::prelude::*;

/// A row of `insights`.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "insights")]
pub struct Model {
    /// The call.
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    /// The analysis's place in the call, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub analysis: i32,
    /// Which list.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: Kind,
    /// Place in the list, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub ordinal: i32,
    /// The entry.
    pub text: String,
    /// Its words, folded: entries that say the same in the same words are equal here.
    pub text_key: String,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The nine lists of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "camelCase")]
pub enum Kind {
    /// `actionItems`
    ActionItems,
    /// `competitors`
    Competitors,
    /// `customerChallenges`
    CustomerChallenges,
    /// `dealDrivers`
    DealDrivers,
    /// `missedOpportunities`
    MissedOpportunities,
    /// `objections`
    Objections,
    /// `productPositioning`
    ProductPositioning,
    /// `products`
    Products,
    /// `salesStrengths`
    SalesStrengths,
}
