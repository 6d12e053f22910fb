//! The schema as a whole: what must hold for every table, whoever adds it.

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
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(tables.len() >= 8, "{tables:?}");
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
