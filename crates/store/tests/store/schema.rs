//! The schema as a whole: what must hold for every table, whoever adds it.

use crate::walls::tenant_tables;
use cofferdam_store::{databases, migrate};
use cofferdam_test_support::postgres::TestDatabase;
use sqlx::{Connection, Executor, PgConnection, Row};

async fn connect(database: &TestDatabase) -> PgConnection {
    PgConnection::connect(database.url()).await.unwrap()
}

#[tokio::test]
async fn migrating_twice_and_by_two_at_once_does_no_harm() {
    let database = TestDatabase::on_own_server().await;
    let other = database.url().replacen("/test_", "/fresh_", 1);
    let name = other.split("///").nth(1).unwrap().split('?').next().unwrap();
    databases::create(database.url(), name, None).await.unwrap();
    let (first, second) = tokio::join!(migrate(&other), migrate(&other));
    first.unwrap();
    second.unwrap();
    migrate(&other).await.unwrap();
}

#[tokio::test]
async fn two_databases_of_one_server_can_be_migrated_at_once() {
    let database = TestDatabase::on_own_server().await;
    let mut connection = connect(&database).await;
    // The roles are the server's; take them away, so that both migrations have to make them.
    connection
        .execute("DROP OWNED BY cofferdam_api, cofferdam_system; DROP ROLE cofferdam_api, cofferdam_system")
        .await
        .unwrap_err();
    let urls = ["left", "right"].map(|name| (name, database.url().replacen("/test_", &format!("/{name}_"), 1)));
    for (_, url) in &urls {
        let name = url.split("///").nth(1).unwrap().split('?').next().unwrap();
        databases::create(database.url(), name, None).await.unwrap();
    }
    let (left, right) = tokio::join!(migrate(&urls[0].1), migrate(&urls[1].1));
    left.unwrap();
    right.unwrap();
}

#[tokio::test]
async fn every_table_with_a_tenant_is_behind_the_wall() {
    let database = TestDatabase::new().await;
    let mut connection = connect(&database).await;
    let tables = tenant_tables(&mut connection).await;
    assert!(tables.len() >= 16, "{tables:?}");
    for table in tables {
        let row = sqlx::query(
            "SELECT relrowsecurity AND relforcerowsecurity,
                    (SELECT array_agg(polname::text ORDER BY polname) FROM pg_policy WHERE polrelid = c.oid AND polcmd = '*'),
                    has_table_privilege('cofferdam_api', c.oid, 'SELECT')
             FROM pg_class c WHERE c.oid = $1::regclass",
        )
        .bind(&table)
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert!(row.get::<bool, _>(0), "{table} has no forced row-level security");
        assert_eq!(
            row.get::<Option<Vec<String>>, _>(1).unwrap_or_default(),
            ["every_tenant", "own_tenant"],
            "policies of {table}"
        );
        assert!(row.get::<bool, _>(2), "the API cannot read {table}");
    }
}

#[tokio::test]
async fn every_foreign_key_has_an_index() {
    let database = TestDatabase::new().await;
    let mut connection = connect(&database).await;
    // An index serves when its first columns are the key's, in any order; one that leaves out nulls serves too.
    let without: Vec<String> = sqlx::query_scalar(
        "SELECT format('%s (%s)', c.conrelid::regclass, c.conname) FROM pg_constraint c
         WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace
           AND NOT EXISTS (
               SELECT FROM pg_index i
               WHERE i.indrelid = c.conrelid AND i.indisvalid
                 AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) LIKE '(% IS NOT NULL)')
                 AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey)
         ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(without, Vec::<String>::new());
    let keys: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert!(keys > 10, "{keys}");
}

#[tokio::test]
async fn every_text_is_bounded() {
    let database = TestDatabase::new().await;
    let mut connection = connect(&database).await;
    // What a task returns is bounded by its limits, before it comes here.
    let free = ["xcoms.value"];
    let unbounded: Vec<String> = sqlx::query_scalar(
        "SELECT format('%s.%s', c.relname, a.attname) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
         WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND a.atttypid = 'text'::regtype
           AND c.relname <> '_sqlx_migrations'
           AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c' AND a.attnum = ANY (k.conkey))
         ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let unbounded: Vec<String> = unbounded.into_iter().filter(|column| !free.contains(&column.as_str())).collect();
    assert_eq!(unbounded, Vec::<String>::new());
}
