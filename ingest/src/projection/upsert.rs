//! Writing many rows of one table in few statements.

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, DatabaseTransaction, DbErr, EntityTrait, IdenStatic, IntoActiveModel,
    Iterable, PrimaryKeyToColumn,
};

/// Parameters that SQLite takes in one statement, at most 32,766, with room to spare.
pub(super) const MOST_PARAMETERS: usize = 30_000;

/// Inserts `rows`, replacing those whose key is there already.
pub(super) async fn upsert<E>(txn: &DatabaseTransaction, rows: Vec<E::Model>) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: Send,
{
    let key = || E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let rest = E::Column::iter().filter(|column| key().all(|key| key.as_str() != column.as_str()));
    let replace = OnConflict::columns(key()).update_columns(rest).to_owned();
    write::<E>(txn, rows, Some(&replace)).await
}

/// Inserts `rows`, whose keys are not there.
pub(super) async fn insert<E>(txn: &DatabaseTransaction, rows: Vec<E::Model>) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: Send,
{
    write::<E>(txn, rows, None).await
}

/// Inserts `rows`; `on_conflict` says what becomes of those whose key is there already.
pub(super) async fn insert_unless<E>(
    txn: &DatabaseTransaction,
    rows: Vec<E::Model>,
    on_conflict: &OnConflict,
) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: Send,
{
    write::<E>(txn, rows, Some(on_conflict)).await
}

async fn write<E>(
    txn: &DatabaseTransaction,
    rows: Vec<E::Model>,
    on_conflict: Option<&OnConflict>,
) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: Send,
{
    let rows_a_statement = MOST_PARAMETERS / E::Column::iter().count();
    let mut rows = rows
        .into_iter()
        .map(|row| row.into_active_model().reset_all());
    loop {
        let chunk: Vec<E::ActiveModel> = rows.by_ref().take(rows_a_statement).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        let mut insert = E::insert_many(chunk);
        if let Some(on_conflict) = on_conflict {
            insert = insert.on_conflict(on_conflict.clone());
        }
        insert.exec_without_returning(txn).await?;
    }
}
