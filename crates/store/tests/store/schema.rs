//! The schema as a whole: what must hold for every table, whoever adds it.

use crate::walls::tenant_tables;
use cofferdam_domain::context::Context;
use cofferdam_ids::TenantName;
use cofferdam_store::embedded::{self, EmbeddedConfig, EmbeddedPostgres};
use cofferdam_store::{Access, PoolOptions, Store, databases, migrate, tenants};
use cofferdam_test_support::postgres::TestDatabase;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

async fn connect(database: &TestDatabase) -> PgConnection {
    PgConnection::connect(database.url()).await.unwrap()
}

/// A server that nothing was migrated on: without the roles, which belong to the whole server.
async fn bare_server(files: &tempfile::TempDir) -> EmbeddedPostgres {
    embedded::start(EmbeddedConfig { fsync: false, ..EmbeddedConfig::new(files.path()) }).await.unwrap()
}

#[tokio::test]
async fn migrating_twice_and_by_two_at_once_does_no_harm() {
    let files = tempfile::tempdir().unwrap();
    let server = bare_server(&files).await;
    let (first, second) = tokio::join!(migrate(server.url()), migrate(server.url()));
    first.unwrap();
    second.unwrap();
    migrate(server.url()).await.unwrap();
}

#[tokio::test]
async fn two_databases_of_one_server_can_be_migrated_at_once() {
    let files = tempfile::tempdir().unwrap();
    let server = bare_server(&files).await;
    databases::create(server.maintenance_url(), "other", None).await.unwrap();
    let other = server.maintenance_url().replacen("/postgres?", "/other?", 1);
    let (one, another) = tokio::join!(migrate(server.url()), migrate(&other));
    one.unwrap();
    another.unwrap();
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
    // An index serves when its first columns are the key's, in any order, or when its first column refers to a column that is unique
    // by itself; one that leaves out nulls serves too.
    let without: Vec<String> = sqlx::query_scalar(
        "SELECT format('%s (%s)', c.conrelid::regclass, c.conname) FROM pg_constraint c
         WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace
           AND NOT EXISTS (
               SELECT FROM pg_index i
               WHERE i.indrelid = c.conrelid AND i.indisvalid
                 AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) LIKE '(% IS NOT NULL)')
                 AND ((i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey
                      OR EXISTS (
                          SELECT FROM pg_index u, unnest(c.conkey, c.confkey) AS k (own, other)
                          WHERE k.own = i.indkey[0] AND u.indrelid = c.confrelid AND u.indisunique AND u.indpred IS NULL
                            AND u.indnkeyatts = 1 AND u.indkey[0] = k.other)))
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

/// On tables that were never analyzed, several indexes can look equally good; the wrong one reads all rows of the tenant.
#[tokio::test]
async fn a_new_database_finds_rows_by_their_keys() {
    let database = TestDatabase::new().await;
    let mut connection = connect(&database).await;
    // What PostgreSQL asks itself to check foreign keys.
    let lookups: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT c.conname::text, string_agg(format_type(a.atttypid, NULL), ', ' ORDER BY k.place),
                format('SELECT 1 FROM ONLY %s x WHERE %s FOR KEY SHARE OF x', c.confrelid::regclass,
                       string_agg(format('%I = $%s', a.attname, k.place), ' AND ' ORDER BY k.place))
         FROM pg_constraint c CROSS JOIN unnest(c.confkey) WITH ORDINALITY AS k (other, place)
              JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.other
         WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace
         GROUP BY c.oid, c.conname, c.confrelid",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(lookups.len() > 10, "{lookups:?}");
    connection.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    for (name, types, lookup) in lookups {
        let nulls = vec!["NULL"; types.split(',').count()].join(", ");
        connection.execute(AssertSqlSafe(format!("PREPARE lookup ({types}) AS {lookup}"))).await.unwrap();
        let explain = AssertSqlSafe(format!("EXPLAIN (COSTS OFF) EXECUTE lookup ({nulls})"));
        let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut connection).await.unwrap();
        connection.execute("DEALLOCATE lookup").await.unwrap();
        let plan = plan.join("\n");
        let by_key = plan.contains("Index Cond") && (!plan.contains("Filter") || plan.contains("_pkey"));
        assert!(by_key, "{name}: make the index of the key again, after the others: {lookup}\n{plan}");
    }
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

#[tokio::test]
async fn a_database_user_who_is_no_superuser_can_migrate_and_serve() {
    let files = tempfile::tempdir().unwrap();
    let server = bare_server(&files).await;
    let mut connection = PgConnection::connect(server.maintenance_url()).await.unwrap();
    connection.execute("CREATE ROLE service LOGIN CREATEROLE").await.unwrap();
    connection.execute("CREATE DATABASE service OWNER service").await.unwrap();
    let url = server.maintenance_url().replacen("/postgres?", "/service?", 1).replacen("user=cofferdam", "user=service", 1);
    migrate(&url).await.unwrap();
    migrate(&url).await.unwrap();

    let system = Store::connect(&url, Access::System, PoolOptions::default()).await.unwrap();
    let name = TenantName::new("ours").unwrap();
    let mut tx = system.begin_across_tenants("test").await.unwrap();
    let id = tenants::create(&mut tx, &name, "Ours", crate::world::noon()).await.unwrap();
    tx.commit().await.unwrap();
    // The way in works although the owner of the tables is behind the wall too.
    let api = Store::connect(&url, Access::Api, PoolOptions::default()).await.unwrap();
    assert_eq!(tenants::find_id(&api, &name).await.unwrap(), Some(id));
    let mut tx = api.begin(&Context::system(id, "test")).await.unwrap();
    assert_eq!(tenants::get(&mut tx).await.unwrap().name, name);
}
