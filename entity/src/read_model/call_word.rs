//! The words of a call, as search finds them.
//!
//! Title and transcript have one form, made by `ingest::projection`: each word folded (`ingest::fold`) and with a space of its own on
//! either side, each line of the transcript on a line. So a word is found, and counted, as ` word `, one that begins so as ` wor`,
//! and words that follow each other in one line as ` first  second `.

use sea_orm::entity::prelude::*;

/// A row of `call_words`. What the databases make of it for their indexes has no column here.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "call_words")]
pub struct Model {
    /// The call.
    #[sea_orm(primary_key, auto_increment = false)]
    pub call_id: String,
    /// The words of its title.
    pub title: String,
    /// The words of its transcript, as far as they are searched.
    pub spoken: String,
    /// Each word of `spoken` once, in the order in which they first come, a space between: what its index is made of.
    pub vocabulary: String,
}

/// No relations: see the crate's documentation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
