//! Connections: what they are set to, and what a restart of the server does to them.

use cofferdam_domain::context::Context;
use cofferdam_ids::TenantId;
use cofferdam_store::{Access, PoolOptions, Store, StoreError, databases, users};
use cofferdam_test_support::postgres::TestDatabase;
use sqlx::{Connection, Executor, PgConnection};

#[tokio::test]
async fn a_restart_of_the_server_costs_one_transaction_at_most() {
    let database = TestDatabase::on_own_server().await;
    let store = database.store(Access::System).await;
    // Several idle connections, all of which will be dead.
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(store.begin_across_tenants("test").await.unwrap());
    }
    drop(open);
    let context = Context::system(TenantId::generate(), "test");
    let mut interrupted = store.begin(&context).await.unwrap();
    database.restart_server().await;
    let error = users::has_admin(&mut interrupted).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    drop(interrupted);
    let mut tx = store.begin(&context).await.unwrap();
    assert!(!users::has_admin(&mut tx).await.unwrap());
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable() {
    let options = PoolOptions { acquire_timeout: std::time::Duration::from_millis(200), ..PoolOptions::default() };
    let error = Store::connect("postgresql:///x?host=%2Fnowhere", Access::Api, options).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_pool_that_is_used_up_is_unavailable() {
    let database = TestDatabase::new().await;
    let options =
        PoolOptions { max_connections: 1, acquire_timeout: std::time::Duration::from_millis(50), ..PoolOptions::default() };
    let store = Store::connect(database.url(), Access::System, options).await.unwrap();
    let held = store.begin_across_tenants("test").await.unwrap();
    let error = store.begin_across_tenants("test").await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!((store.status().open, store.status().max), (1, 1));
    held.rollback().await.unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_database_that_was_not_migrated_is_refused_with_the_remedy() {
    let database = TestDatabase::on_own_server().await;
    databases::create(database.url(), "empty", None).await.unwrap();
    let url = format!("postgresql:///empty?{}", database.url().split_once('?').unwrap().1);
    let error = Store::connect(&url, Access::Api, PoolOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("cofferdam migrate"), "{error}");
}

#[tokio::test]
async fn a_user_without_the_role_is_told_what_to_grant() {
    let database = TestDatabase::on_own_server().await;
    let mut owner = PgConnection::connect(database.url()).await.unwrap();
    owner.execute("CREATE ROLE guest LOGIN; GRANT SELECT ON _sqlx_migrations TO guest").await.unwrap();
    let url = database.url().replacen("user=cofferdam", "user=guest", 1);
    let error = Store::connect(&url, Access::System, PoolOptions::default()).await.unwrap_err();
    assert!(error.to_string().contains("GRANT cofferdam_system"), "{error}");
}
