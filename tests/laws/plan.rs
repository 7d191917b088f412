//! The windows of the view `states` are reckoned over the subjects that are asked for, and no others.

use entity::read_model::state::{Column, Entity, Kind};
use entity::read_model::version;
use entity::scope::{Scope, Scoped};
use ingest::log::Limits;
use proptest::prelude::*;
use sea_orm::sea_query::{
    Asterisk, Expr, ExprTrait, Func, OverStatement, Query, SelectStatement, WindowStatement,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseBackend,
    DatabaseTransaction, EntityTrait, IntoActiveModel, IntoSimpleExpr, Order, QueryFilter,
    QueryOrder, QueryTrait, Statement, TransactionTrait,
};

use crate::check::check_exactly;
use crate::stores::Stores;

/// How the database goes about `select`.
async fn plan(txn: &DatabaseTransaction, select: &SelectStatement) -> String {
    let backend = txn.get_database_backend();
    let Statement { sql, values, .. } = backend.build(select);
    let explain = match backend {
        DatabaseBackend::Postgres => "EXPLAIN ",
        _ => "EXPLAIN QUERY PLAN ",
    };
    let explain = Statement {
        sql: format!("{explain}{sql}"),
        values,
        db_backend: backend,
    };
    let rows = txn.query_all_raw(explain).await.unwrap();
    let step = |row: &sea_orm::QueryResult| -> String {
        row.try_get("", "QUERY PLAN")
            .or_else(|_| row.try_get("", "detail"))
            .unwrap()
    };
    rows.iter().map(step).collect::<Vec<_>>().join("\n")
}

/// So many users with ten versions each.
fn versions(users: usize) -> Vec<version::ActiveModel> {
    let row = |nth: usize| {
        let row = version::Model {
            subject_kind: Kind::User,
            subject_id: format!("u{}", nth / 10),
            stamp: format!("{nth:09}"),
            instant: format!("{nth:09}"),
            occurred_at: None,
            position: 1,
            event_type: "user.updated".to_owned(),
            life: Some(version::Life::Alive),
            attributes: format!("{{\"name\":\"{nth}\"}}"),
            org_id: Some("o".to_owned()),
            is_example: false,
        };
        row.into_active_model().reset_all()
    };
    (0..users * 10).map(row).collect()
}

/// Before the windows of the view are reckoned, the rows of the subjects that are asked for are picked by the index.
#[test]
fn a_history_reads_the_rows_of_its_subjects_and_no_others() {
    check_exactly(1, &Just(()), async |()| {
        let stores = Stores::open(Limits::default()).await;
        let read_model = stores.projected("a").await;
        let live = read_model.live();
        let txn = live.db().begin().await.unwrap();
        for rows in versions(1000).chunks(1000) {
            let insert = version::Entity::insert_many(rows.to_vec());
            insert.exec_without_returning(&txn).await.unwrap();
        }
        txn.execute_unprepared("ANALYZE versions").await.unwrap();
        let changes = |of: Condition| {
            let scope = Scope::Orgs(vec!["o".to_owned()]);
            Entity::visible_to(&scope)
                .filter(Column::SubjectKind.eq(Kind::User))
                .filter(of)
                .filter(Column::IsChange.eq(true))
                .order_by_desc(Column::Stamp)
        };
        let page = || (0..20).map(|nth| format!("u{nth}"));
        let one = changes(Column::SubjectId.eq("u7").into()).into_query();
        let several = changes(Column::SubjectId.is_in(page()).into()).into_query();
        // A page below each of several, and the last one up to a moment.
        let mut numbered = several.clone();
        let mut window = WindowStatement::new();
        window.add_partition_by(Column::SubjectKind.into_simple_expr());
        window.add_partition_by(Column::SubjectId.into_simple_expr());
        window.order_by_expr(Column::Stamp.into_simple_expr(), Order::Desc);
        numbered.expr_window_as(Func::cust("ROW_NUMBER"), window, "nth");
        let pages = Query::select()
            .column(Asterisk)
            .from_subquery(numbered, "numbered")
            .and_where(Expr::col("nth").lte(3))
            .to_owned();
        for select in [one, several, pages] {
            let plan = plan(&txn, &select).await;
            let picks = match txn.get_database_backend() {
                DatabaseBackend::Postgres => {
                    "Index Cond: ((subject_kind = 'user'::text) AND (subject_id = "
                }
                _ => {
                    "SEARCH versions USING INDEX sqlite_autoindex_versions_1 (subject_kind=? AND subject_id=?)"
                }
            };
            prop_assert!(plan.contains(picks), "{plan}");
        }
        Ok(())
    });
}
