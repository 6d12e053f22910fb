//! What one tenant can see and do of another's rows: nothing, in every table there is.

use crate::world::World;
use cofferdam_store::StoreError;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

/// Every table with a tenant, from the catalogue: one that is added tomorrow is in the list.
pub async fn tenant_tables(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace ORDER BY 1",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

/// A connection of the API's role, in a transaction of the tenant.
async fn as_tenant(world: &World, tenant: Uuid) -> PgConnection {
    let mut connection = PgConnection::connect(world.database.url()).await.unwrap();
    connection.execute("SET ROLE cofferdam_api").await.unwrap();
    sqlx::query("SELECT set_config('cofferdam.tenant', $1, false)")
        .bind(tenant.to_string())
        .execute(&mut connection)
        .await
        .unwrap();
    connection
}

async fn count(connection: &mut PgConnection, query: String, tenant: Uuid) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query)).bind(tenant).fetch_one(connection).await.unwrap()
}

fn code(error: &sqlx::Error) -> String {
    error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned()
}

const INSUFFICIENT_PRIVILEGE: &str = "42501";

#[tokio::test]
async fn a_tenant_reads_its_own_rows_and_no_others() {
    let world = World::new().await;
    let (ours, theirs) = (world.ours.context.tenant.uuid(), world.theirs.context.tenant.uuid());
    let mut connection = as_tenant(&world, ours).await;
    for table in tenant_tables(&mut connection).await {
        if table == "pools" {
            // Nothing makes pools yet, so the world has none.
            let mut owner = PgConnection::connect(world.database.url()).await.unwrap();
            sqlx::query("INSERT INTO pools (tenant_id, name, slots) SELECT tenant_id, 'gpu', 1 FROM tenants")
                .execute(&mut owner)
                .await
                .unwrap();
        }
        let own = count(&mut connection, format!("SELECT count(*) FROM {table} WHERE tenant_id = $1"), ours).await;
        assert!(own > 0, "the tests' world has no row in {table}: add one");
        let others = count(&mut connection, format!("SELECT count(*) FROM {table} WHERE tenant_id = $1"), theirs).await;
        assert_eq!(others, 0, "rows of another tenant can be read in {table}");
        let all = count(&mut connection, format!("SELECT count(*) FROM {table} WHERE tenant_id = $1 OR true"), ours).await;
        assert_eq!(all, own, "{table} shows rows of other tenants");
    }
}

#[tokio::test]
async fn without_a_tenant_the_api_reads_nothing() {
    let world = World::new().await;
    let mut connection = PgConnection::connect(world.database.url()).await.unwrap();
    connection.execute("SET ROLE cofferdam_api").await.unwrap();
    for table in tenant_tables(&mut connection).await {
        let all = count(&mut connection, format!("SELECT count(*) FROM {table} WHERE $1::uuid IS NOT NULL"), Uuid::nil()).await;
        assert_eq!(all, 0, "{table}");
    }
}

#[tokio::test]
async fn a_tenant_cannot_write_another_s_rows() {
    let world = World::new().await;
    let (ours, theirs) = (world.ours.context.tenant.uuid(), world.theirs.context.tenant.uuid());
    let mut connection = as_tenant(&world, ours).await;
    for table in tenant_tables(&mut connection).await {
        // Changing or removing finds no row, or is not allowed at all.
        for statement in [
            format!("UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = $1"),
            format!("DELETE FROM {table} WHERE tenant_id = $1"),
        ] {
            match sqlx::query(AssertSqlSafe(statement.clone())).bind(theirs).execute(&mut connection).await {
                Ok(done) => assert_eq!(done.rows_affected(), 0, "{statement}"),
                Err(error) => assert_eq!(code(&error), INSUFFICIENT_PRIVILEGE, "{statement}: {error}"),
            }
        }
        // Making a row for another tenant is refused before anything else is looked at.
        let statement = format!("INSERT INTO {table} (tenant_id) VALUES ($1)");
        let error = sqlx::query(AssertSqlSafe(statement.clone())).bind(theirs).execute(&mut connection).await.unwrap_err();
        assert_eq!(code(&error), INSUFFICIENT_PRIVILEGE, "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_tenant_cannot_give_its_rows_away() {
    let world = World::new().await;
    let theirs = world.theirs.context.tenant.uuid();
    let mut connection = as_tenant(&world, world.ours.context.tenant.uuid()).await;
    for table in tenant_tables(&mut connection).await {
        if table == "pools" {
            continue;
        }
        let statement = format!("UPDATE {table} SET tenant_id = $1");
        let error = sqlx::query(AssertSqlSafe(statement.clone())).bind(theirs).execute(&mut connection).await.unwrap_err();
        assert_eq!(code(&error), INSUFFICIENT_PRIVILEGE, "{statement}: {error}");
    }
}

#[tokio::test]
async fn nobody_rewrites_the_audit_log() {
    let world = World::new().await;
    for role in ["cofferdam_api", "cofferdam_system"] {
        let mut connection = as_tenant(&world, world.ours.context.tenant.uuid()).await;
        connection.execute(AssertSqlSafe(format!("SET ROLE {role}"))).await.unwrap();
        for statement in ["UPDATE audit_log SET action = 'nothing'", "DELETE FROM audit_log"] {
            let error = connection.execute(statement).await.unwrap_err();
            assert_eq!(code(&error), INSUFFICIENT_PRIVILEGE, "{role}: {statement}");
        }
    }
}

#[tokio::test]
async fn the_api_has_no_transaction_across_tenants() {
    let world = World::new().await;
    assert!(matches!(world.api.begin_across_tenants("test").await, Err(StoreError::Internal(_))));
}

#[tokio::test]
async fn the_tenant_of_a_transaction_does_not_outlive_it() {
    let world = World::new().await;
    // One connection, so that the second transaction surely gets the first one's.
    let options = cofferdam_store::PoolOptions { max_connections: 1, ..Default::default() };
    let api = cofferdam_store::Store::connect(world.database.url(), cofferdam_store::Access::Api, options).await.unwrap();
    let mut tx = api.begin(&world.ours.context).await.unwrap();
    assert_eq!(
        cofferdam_store::users::list(&mut tx, cofferdam_store::Order::default(), cofferdam_store::Page::first(10))
            .await
            .unwrap()
            .total,
        1
    );
    tx.commit().await.unwrap();
    let nobody = cofferdam_domain::context::Context::system(cofferdam_ids::TenantId::generate(), "test");
    let mut tx = api.begin(&nobody).await.unwrap();
    assert_eq!(cofferdam_store::tenants::list(&mut tx).await.unwrap(), []);
}
